import { limits } from '../../src/domain/limits.ts'
import type { Frame } from '../../src/domain/message.ts'
import { type Notice, createTranslator } from '../../src/core/notices/notices.ts'
import { marksOf, type Replies } from './replies.ts'
import type { Scene } from './scene.ts'
import type { Message } from './tenant.ts'

/** What a bubble may close with when it shows no answer, and what may follow the beginning of one. */
const lastWords: readonly Notice['key'][] = [
  'moved',
  'moved_whole',
  'moved_lost',
  'merged',
  'empty',
  'busy',
  'expired',
  'session_stays',
]
const ends: readonly Notice['key'][] = ['failed', 'lost', 'timeout', 'agent_unknown', 'stopped']
const cuts: readonly Notice['key'][] = ['continued', 'overflow_lost', 'moved', 'moved_lost']
const meanwhile: readonly Notice['key'][] = ['queued', 'offline', 'truncated']
const elapsed = /^(?:(?:已用 .+|\d+ (?:s|min).*) · .+|⏳ .+（已等 .+）。|⏳ .+ \(.+\)\.)$/

/** How late a deadline may be met, and how long after a restart, a failed commit or a set clock it may be later. */
const graceMs = 2_000
const settleMs = 12_000

/** Holds every frame that leaves the daemon against the promises of `definitions.md` 1-4. */
export class FrameLaws {
  private readonly scene: Scene
  private readonly replies: Replies
  private readonly messages: () => readonly Message[]
  private readonly shownIn = new Map<string, string>()
  private readonly sentences: Record<'last' | 'ends' | 'cuts' | 'meanwhile', ReadonlySet<string>>
  private readonly preface: string

  constructor(scene: Scene, replies: Replies, messages: () => readonly Message[]) {
    this.scene = scene
    this.replies = replies
    this.messages = messages
    const say = createTranslator(scene.settings.language)
    // None of these notices needs more than its key; `elapsed` is told apart by its form.
    const said = (keys: readonly Notice['key'][]) => new Set(keys.map(key => say({ key } as Notice)))
    this.sentences = { last: said(lastWords), ends: said(ends), cuts: said(cuts), meanwhile: said(meanwhile) }
    this.preface = `${say({ key: 'expired_before' })}\n\n`
  }

  checkFirst(message: Message, frame: Frame): void {
    const { scene } = this
    if (scene.db.turn(message.turnId) === undefined) scene.broken(`${message.name} was answered but is not on disk`)
    const { first } = message
    if (first !== undefined && !isEqual(first, frame)) scene.broken(`a repeat of ${message.name} got another answer`)
    if (!frame.finish && frame.content !== scene.settings.placeholder) {
      scene.broken(`the first frame of ${message.name} is "${frame.content}"`)
    }
    this.check(message, frame)
  }

  checkRefresh(message: Message, frame: Frame): void {
    const { scene } = this
    const { finish, name } = message
    if (frame.streamId !== message.first?.streamId)
      scene.broken(`a refresh of ${name} got the bubble ${frame.streamId}`)
    if (finish !== undefined && !isEqual(finish, frame)) {
      scene.broken(`the finished bubble of ${name} changed from "${finish.content}" to "${frame.content}"`)
    }
    this.checkInTime(message, frame)
    if (frame.finish) scene.count(finish === undefined ? 'finish frame served' : 'finish frame served again')
    this.check(message, frame)
  }

  /** Whatever the agent does, the bubble closes before the platform stops to fetch it. */
  private checkInTime(message: Message, frame: Frame): void {
    const { clock, quietSince, db, broken } = this.scene
    const isFair = clock.steady.now() - quietSince() > settleMs
    if (frame.finish || !isFair) return
    const lateMs = clock.now() - (db.turn(message.turnId)?.handoverAt ?? 0)
    if (lateMs > graceMs) broken(`the bubble of ${message.name} is open ${lateMs} ms after its deadline`)
  }

  private check(message: Message, frame: Frame): void {
    const { scene } = this
    if (Buffer.byteLength(frame.content) > limits.streamContentBytes)
      scene.broken(`a frame of ${message.name} is too long`)
    if (frame.content.startsWith(this.preface.trimEnd())) scene.count('said that one expired')
    // The animation stands alone or not at all.
    const isStill = scene.settings.placeholder === '<think></think>'
    if (isStill && !frame.finish && frame.content === this.preface.trimEnd()) return
    const content = frame.content.startsWith(this.preface) ? frame.content.slice(this.preface.length) : frame.content
    if (content.includes('re «')) this.checkAnswer(message, content, frame.finish)
    else this.checkNotice(message, content, frame.finish)
  }

  private checkNotice(message: Message, content: string, isFinish: boolean): void {
    const { scene, sentences } = this
    const { placeholder } = scene.settings
    if (isFinish ? sentences.last.has(content) || sentences.ends.has(content) : sentences.meanwhile.has(content)) return
    const line = content.startsWith(`${placeholder}\n`) ? content.slice(placeholder.length + 1) : content
    if (!isFinish && (content === placeholder || elapsed.test(line))) return
    scene.broken(`${isFinish ? 'the finished' : 'the open'} bubble of ${message.name} shows "${content}"`)
  }

  /** The beginning of the one answer that belongs here, then at most a sentence. */
  private checkAnswer(message: Message, content: string, isFinish: boolean): void {
    const { scene } = this
    const marks = marksOf(content.slice(0, content.indexOf(':')))
    const whole = this.replies.find(marks)?.text ?? ''
    const shown = commonHead(whole, content)
    const rest = content.slice(shown)
    const where = `${isFinish ? 'the finished' : 'the open'} bubble of ${message.name}`
    this.checkOwner(message, marks)
    if (shown < Math.min(5, whole.length) || !this.isSentence(rest)) {
      scene.broken(
        `${where} does not show the beginning of the answer but "${content.slice(0, 60)}" … "${rest.slice(-60)}"`,
      )
    }
    if (isFinish && rest === '' && shown < whole.length) scene.broken(`${where} ends in the middle of the answer`)
    if (isFinish && shown < whole.length) scene.count('answer longer than a frame')
  }

  private isSentence(rest: string): boolean {
    if (rest === '') return true
    const { meanwhile, ends, cuts } = this.sentences
    const sentences = rest.trim().split('\n\n')
    return sentences.every(sentence => meanwhile.has(sentence) || ends.has(sentence) || cuts.has(sentence))
  }

  /** Every message's answer is in one bubble only, and that belongs to its sender and conversation. */
  private checkOwner(message: Message, marks: readonly string[]): void {
    const { scene } = this
    if (!marks.includes(message.name)) scene.broken(`the bubble of ${message.name} shows the answer to ${marks.join()}`)
    for (const mark of marks) {
      const other = this.messages().find(one => one.name === mark)
      const isSame = other?.sender === message.sender && other.conversation === message.conversation
      if (!isSame) scene.broken(`the bubble of ${message.name} shows the answer to ${mark} of ${other?.sender}`)
      const bubble = this.shownIn.get(mark) ?? message.name
      if (bubble !== message.name)
        scene.broken(`the answer to ${mark} is in the bubbles of ${bubble} and ${message.name}`)
      this.shownIn.set(mark, bubble)
    }
  }
}

function isEqual(one: Frame, other: Frame): boolean {
  return one.streamId === other.streamId && one.content === other.content && one.finish === other.finish
}

function commonHead(one: string, other: string): number {
  let at = 0
  while (at < one.length && one[at] === other[at]) at++
  return at
}
