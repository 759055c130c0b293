import { limits } from '../../src/domain/limits.ts'
import type { ScriptStep } from '../../src/playground/gateway/runs/script.ts'
import type { Dice } from './dice.ts'

/** How the simulated agent reacts to a question. */
type Manner = 'answers' | 'says nothing' | 'says blanks' | 'fails' | 'fails midway' | 'hangs'

/** The agent's reaction to one question. It is the same each time the question is asked. */
export interface Reply {
  readonly manner: Manner
  /** All text of the run: the whole answer, or the part before a failure. */
  readonly text: string
  readonly steps: readonly ScriptStep[]
}

/** The names of the messages in a text, which are marked as `«m7»`. */
export function marksOf(text: string): string[] {
  return [...text.matchAll(/«(\w+)»/g)].map(match => match[1] ?? '')
}

/** The replies of the simulated agent. Each is chosen once per question, and names the messages that it answers. */
export class Replies {
  private readonly dice: Dice
  private readonly known = new Map<string, Reply>()

  constructor(dice: Dice) {
    this.dice = dice
  }

  /** The reply to the question that consists of these messages. */
  find(marks: readonly string[]): Reply | undefined {
    return this.known.get(marks.join())
  }

  to(question: string): Reply {
    const marks = marksOf(question)
    const known = this.find(marks)
    if (known !== undefined) return known
    const reply = this.invent(marks)
    this.known.set(marks.join(), reply)
    return reply
  }

  private invent(marks: readonly string[]): Reply {
    const { dice } = this
    const manner = this.chooseManner()
    if (manner === 'says nothing') return { manner, text: '', steps: [this.silence()] }
    if (manner === 'says blanks') return { manner, text: ' \n', steps: [this.silence(), { kind: 'say', text: ' \n' }] }
    if (manner === 'fails') return { manner, text: '', steps: [this.silence(), { kind: 'fail', message: 'no model' }] }
    const head = `re ${marks.map(mark => `«${mark}»`).join('')}: `
    const body = wordsOf(this.chooseBytes())
    const steps: ScriptStep[] = [this.silence()]
    const pieces = dice.between(1, 4)
    for (let piece = 0; piece < pieces; piece++) {
      const [from, to] = [piece, piece + 1].map(n => characterAt(body, Math.floor((body.length * n) / pieces)))
      steps.push({ kind: 'say', text: (piece === 0 ? head : '') + body.slice(from, to) })
      if (dice.chance(0.2)) steps.push({ kind: 'tool', name: 'look', args: {}, ms: this.pauseMs(), result: 'ok' })
      else if (piece + 1 < pieces || dice.chance(0.3)) steps.push({ kind: 'wait', ms: this.pauseMs() })
    }
    if (manner === 'fails midway') steps.push({ kind: 'fail', message: 'the model went away' })
    if (manner === 'hangs') steps.push({ kind: 'hang' })
    return { manner, text: head + body, steps }
  }

  private chooseManner(): Manner {
    const roll = this.dice.below(100)
    if (roll < 82) return 'answers'
    if (roll < 86) return 'says nothing'
    if (roll < 88) return 'says blanks'
    if (roll < 92) return 'fails'
    return roll < 96 ? 'fails midway' : 'hangs'
  }

  /** Mostly short, sometimes several messages long, or about as large as a frame or larger. */
  private chooseBytes(): number {
    const { dice } = this
    const edge = limits.streamContentBytes
    if (dice.chance(0.8)) return dice.between(1, 200)
    if (dice.chance(0.6)) return dice.between(1_900, 17_000)
    if (dice.chance(0.5)) return edge + dice.between(-300, 20)
    return dice.between(edge, 2 * edge + 500)
  }

  private silence(): ScriptStep {
    const { dice } = this
    if (dice.chance(0.8)) return { kind: 'wait', ms: dice.between(0, 3_000) }
    return { kind: 'wait', ms: dice.between(3_000, 150_000) }
  }

  private pauseMs(): number {
    const { dice } = this
    return dice.chance(0.8) ? dice.between(0, 1_500) : dice.between(1_000, 60_000)
  }
}

/** The index, or the next one if it is inside a surrogate pair. */
function characterAt(text: string, index: number): number {
  return /[\udc00-\udfff]/.test(text.charAt(index)) ? index + 1 : index
}

/** About `bytes` bytes of numbered words, each letter of several bytes. */
function wordsOf(bytes: number): string {
  const words: string[] = []
  for (let left = bytes, n = 0; left > 0; n++) {
    const word = `${n}字😀 `
    words.push(word)
    left -= Buffer.byteLength(word)
  }
  return words.join('')
}
