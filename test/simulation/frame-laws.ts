import { limits } from '../../src/domain/limits.ts'
import type { Frame } from '../../src/domain/message.ts'
import { type Notice, createTranslator } from '../../src/core/notices/notices.ts'
import { marksOf, type Replies } from './replies.ts'
import type { Scene } from './scene.ts'
import type { Message } from './tenant.ts'

/**
 * The notices that a bubble without an answer may close with (`closings`, `ends`), and those after a part of one
 * (`cuts`).
 */
const closings: readonly Notice['key'][] = [
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

/** How late a deadline may be met; and how long after a restart, a failed commit or a clock change it isn't checked. */
const graceMs = 2_000
const settleMs = 12_000

/** Checks every frame that the daemon sends (docs/behaviour.md, "The life of a bubble"). */
export class FrameLaws {
  private readonly scene: Scene
  private readonly replies: Replies
  private readonly messages: () => readonly Message[]
  private readonly shownIn = new Map<string, string>()
  private readonly notices: Record<'last' | 'ends' | 'cuts' | 'meanwhile', ReadonlySet<string>>
  private readonly preface: string

  constructor(scene: Scene, replies: Replies, messages: () => readonly Message[]) {
    this.scene = scene
    this.replies = replies
    this.messages = messages
    const translate = createTranslator(scene.settings.language)
    // None of these notices has placeholders. `elapsed`, which has, is recognised by its form.
    const textsOf = (keys: readonly Notice['key'][]) => new Set(keys.map(key => translate({ key } as Notice)))
    this.notices = {
      last: textsOf(closings),
      ends: textsOf(ends),
      cuts: textsOf(cuts),
      meanwhile: textsOf(meanwhile),
    }
    this.preface = `${translate({ key: 'expired_before' })}\n\n`
  }

  checkFirst(message: Message, frame: Frame): void {
    const { scene } = this
    if (scene.db.turn(message.turnId) === undefined) scene.broken(`${message.name} was answered but is not on disk`)
    const { first } = message
    if (first !== undefined && !isEqual(first, frame)) scene.broken(`a duplicate of ${message.name} got another reply`)
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

  /** Whatever the agent does, the bubble closes in time, before WeCom stops fetching it. */
  private checkInTime(message: Message, frame: Frame): void {
    const { clock, quietSince, db, broken } = this.scene
    const isFair = clock.steady.now() - quietSince() > settleMs
    if (frame.finish || !isFair) return
    const lateMs = this.scene.processNow() - (db.turn(message.turnId)?.handoverAt ?? 0)
    if (lateMs > graceMs) broken(`the bubble of ${message.name} is open ${lateMs} ms after its deadline`)
  }

  private check(message: Message, frame: Frame): void {
    const { scene } = this
    if (Buffer.byteLength(frame.content) > limits.streamContentBytes)
      scene.broken(`a frame of ${message.name} is too long`)
    if (frame.content.startsWith(this.preface.trimEnd())) scene.count('expiry reported')
    // The animation is never shown together with a notice.
    const isStill = scene.settings.placeholder === '<think></think>'
    if (isStill && !frame.finish && frame.content === this.preface.trimEnd()) return
    const content = frame.content.startsWith(this.preface) ? frame.content.slice(this.preface.length) : frame.content
    if (content.includes('re «')) this.checkAnswer(message, content, frame.finish)
    else this.checkNotice(message, content, frame.finish)
  }

  private checkNotice(message: Message, content: string, isFinish: boolean): void {
    const { scene, notices: sentences } = this
    const { placeholder } = scene.settings
    if (isFinish ? sentences.last.has(content) || sentences.ends.has(content) : sentences.meanwhile.has(content)) return
    const line = content.startsWith(`${placeholder}\n`) ? content.slice(placeholder.length + 1) : content
    if (!isFinish && (content === placeholder || elapsed.test(line))) return
    scene.broken(`${isFinish ? 'the finished' : 'the open'} bubble of ${message.name} shows "${content}"`)
  }

  /** A bubble with an answer shows its beginning, then at most notices. */
  private checkAnswer(message: Message, content: string, isFinish: boolean): void {
    const { scene } = this
    const marks = marksOf(content.slice(0, content.indexOf(':')))
    const whole = this.replies.find(marks)?.text ?? ''
    const shown = commonHead(whole, content)
    const rest = content.slice(shown)
    const where = `${isFinish ? 'the finished' : 'the open'} bubble of ${message.name}`
    this.checkOwner(message, marks)
    if (shown < Math.min(5, whole.length) || !this.isNotices(rest)) {
      scene.broken(
        `${where} does not show the beginning of the answer but "${content.slice(0, 60)}" … "${rest.slice(-60)}"`,
      )
    }
    if (isFinish && rest === '' && shown < whole.length) scene.broken(`${where} ends in the middle of the answer`)
    if (isFinish && shown < whole.length) scene.count('answer longer than a frame')
  }

  private isNotices(rest: string): boolean {
    if (rest === '') return true
    const { meanwhile, ends, cuts } = this.notices
    const notices = rest.trim().split('\n\n')
    return notices.every(notice => meanwhile.has(notice) || ends.has(notice) || cuts.has(notice))
  }

  /** The answer to a message is shown in one bubble only, and that belongs to the same sender and conversation. */
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
