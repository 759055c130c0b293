import { expect, test } from 'bun:test'
import { printable } from '../../../src/domain/visible.ts'
import { encodeReply } from '../../../src/wecom/callback/reply.ts'
import { maskCards } from '../../../src/core/cards/mask.ts'
import { streamFrame } from '../../../src/core/streaming/frame.ts'
import { seeded } from '../../crypto/seeded.ts'
import { advance } from '../../../src/core/streaming/advance.ts'
import { after, asked, claimed, deadline, served, t0, translate } from './turns.ts'

/** `ODD_RUNS` raises the number of random answers. */
const runs = Number(process.env.ODD_RUNS ?? 400)

const card = {
  card_type: 'button_interaction',
  main_title: { title: 'TITLE', desc: 'a "b" {c}' },
  button_list: [{ text: 'YES', key: 'k1' }],
}
const plain = JSON.stringify({ template_card: card })
const pretty = JSON.stringify({ template_card: card }, undefined, 2)

/** Ways in which models get the source of a card wrong, or wrap it. */
const mutations: readonly ((source: string) => string)[] = [
  source => source,
  source => source.replace(/\}(?=[^}]*$)/, ',}'),
  source => source.replace('{', '{ // card\n'),
  source => source.replace('{', '{/* card */'),
  source => source.replace('a ', 'a\n'),
  source => source.replaceAll('\\"', '').replaceAll('"', "'"),
  source => source.replaceAll('\\"', '').replace(/"([^"]*)"/g, '“$1”'),
  source => source.replace(/"(\w+)":/g, '$1:'),
  source => source.replace(':{', ':{"x":True,"y":None,'),
  source => source.replace('","', '" "'),
]
const wraps = [
  ['', ''],
  ['`', '`'],
  ['**', '**'],
  ['[ ', ' ]'],
  ['> ', '\n'],
  ['```json\n', '\n```\n'],
  ['~~~\n', '\n~~~'],
  ['- ', '\n'],
] as const
const odd = [
  '\u001b[31m',
  '\u001b[0m',
  '\u0007',
  '\u0000',
  '\u009b1m',
  '\u001b]0;x\u0007',
  '\ud83d',
  '\udc4d',
  '\r\n',
  '\b',
  '\u007f',
]
const words = [
  '好的',
  'hello',
  '👍',
  '\n\n',
  ' ',
  '\n',
  '**重点**',
  '`code`',
  '```sh\nmake\n```\n',
  '1. 一\n',
  'é',
  '四十二。',
  '~~~\na\n~~~\n',
]
const sourceSigns = /template|card_type|main_title|button_list|k1/

function dice(seed: number) {
  const random = seeded(seed)
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T
  const some = (list: readonly string[], most: number) =>
    Array.from({ length: random.below(most + 1) }, () => pick(list)).join('')
  return { random, pick, some }
}

/** The content of every frame of an answer that grows by random chunks, and of its finish frame. */
function framesOf(answer: string, below: (limit: number) => number): readonly string[] {
  const asking = after([claimed, asked])
  const frames: string[] = []
  for (let end = 0; end < answer.length; end += 1 + below(1 + answer.length / 8)) {
    const live = { text: answer.slice(0, end), textAt: t0 + 900 }
    frames.push(wireOf(streamFrame(asking, { now: t0 + 1_000, placeholder: '', live }, translate).content))
  }
  const end = { kind: 'run_ended', at: t0 + 2_000, end: { kind: 'answered', text: answer }, chunks: 1 } as const
  const ended = [end, deadline(t0 + 10_000), served(t0 + 10_001)]
  const last = ended.reduce((turn, event) => advance(turn, event, translate)?.save[0] ?? turn, asking)
  return [...frames, wireOf(last.closedWith ?? last.answer)]
}

/** What leaves for WeCom. */
function wireOf(content: string): string {
  const reply = encodeReply({ kind: 'stream', frame: { streamId: 's', content, finish: false } })
  return reply !== undefined && 'stream' in reply ? reply.stream.content : ''
}

test(`answers: none of ${runs} random cards with mistakes is ever shown as source`, () => {
  for (let seed = 0; seed < runs; seed++) {
    const { random, pick, some } = dice(seed)
    const [before, behind] = pick(wraps)
    const source = pick(mutations)(pick(mutations)(random.below(4) === 0 ? pretty : plain))
    const recognised = source.search(/template_card\S?\s*:/) + 20
    const cut = random.below(3) === 0 ? source.slice(0, recognised + random.below(source.length - recognised)) : source
    const prose = ['看一下：\n', '好的。\n\n', '请选择 ']
    const answer = `${some(prose, 2)}${before}${cut}${behind}${random.below(2) === 0 ? '\n完成' : ''}`
    // A source that is cut off in inline code is an example of one.
    if (before === '`' && cut !== source) continue
    for (const frame of framesOf(answer, random.below)) {
      expect([answer, frame]).toEqual([answer, expect.not.stringMatching(sourceSigns)])
    }
  }
})

test(`answers: ${runs} random answers with controls lose nothing visible, and no control leaves`, () => {
  for (let seed = 0; seed < runs; seed++) {
    const { random, some } = dice(seed)
    const answer = Array.from({ length: 1 + random.below(8) }, () => some(words, 3) + some(odd, 1)).join('')
    const frames = framesOf(answer, random.below)
    for (const frame of frames) {
      expect([answer, frame.isWellFormed(), /(?![\n\t])\p{Cc}/u.test(frame)]).toEqual([answer, true, false])
    }
    const visible = (text: string) => printable(text).replace(/\s/g, '')
    if (visible(answer) !== '') expect(visible(frames.at(-1) ?? '')).toBe(visible(answer))
  }
})

test('answers: text around a card is shown while it streams', () => {
  expect(maskCards(`好的\n${plain}\n完成`, true)).toBe('好的\n\n完成')
})
