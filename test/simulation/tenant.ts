import type { Conversation, Frame, Inbound, Receive, Reply, Surface } from '../../src/domain/message.ts'
import { formatTurnId } from '../../src/domain/routing.ts'
import { isCode } from '../../src/errors.ts'
import { account } from './daemon.ts'
import { FrameLaws } from './frame-laws.ts'
import type { Replies } from './replies.ts'
import type { Scene } from './scene.ts'

/** How long WeCom waits for the answer to a callback. */
const callbackMs = 5_000

/** A message of a user, and the state of its bubble at the platform. */
export interface Message {
  readonly name: string
  readonly turnId: string
  readonly msgid: string
  readonly surface: Surface
  readonly sender: string
  readonly conversation: Conversation
  readonly text: string
  /** In monotonic time. */
  readonly sentAt: number
  readonly responseUrl?: string
  /** A callback with this message was answered. */
  isAccepted: boolean
  /** The first frame, in the reply to the message itself. */
  first?: Frame
  /** The first final frame. */
  finish?: Frame
  /** The place among all messages, by first commit. */
  place?: number
}

/** The daemon's callback handler. Undefined while no daemon runs. */
export type Reach = () => Receive | undefined

/** The users of a WeCom tenant, and the platform that calls the daemon for them. */
export class SimulatedTenant {
  readonly messages: Message[] = []
  /** The number of bubbles that are still refreshed. */
  polling = 0
  private readonly scene: Scene
  private readonly reach: Reach
  private readonly laws: FrameLaws
  private events = 0

  constructor(scene: Scene, reach: Reach, replies: Replies) {
    this.scene = scene
    this.reach = reach
    this.laws = new FrameLaws(scene, replies, () => this.messages)
  }

  find(turnId: string): Message | undefined {
    return this.messages.find(message => message.turnId === turnId)
  }

  /** A user writes. */
  write(conversation: Conversation, sender: string, surface: Surface): void {
    const { scene } = this
    const name = `m${this.messages.length + 1}`
    const isCommand = scene.dice.chance(0.01)
    const message: Message = {
      name,
      turnId: formatTurnId(account, name),
      msgid: name,
      surface,
      sender,
      conversation,
      isAccepted: false,
      text: isCommand ? `/new «${name}»` : `«${name}» please`,
      sentAt: scene.clock.steady.now(),
      ...(surface === 'bot' &&
        scene.dice.chance(0.85) && { responseUrl: `https://qyapi.weixin.qq.com/response/${name}` }),
    }
    this.messages.push(message)
    scene.count(surface === 'app' ? 'message to the app' : 'message')
    this.deliver(message, 3)
    if (scene.dice.chance(0.1)) this.repeat(message)
  }

  /** WeCom repeats the callback, at once or much later, whatever the answer was. */
  private repeat(message: Message): void {
    const { dice, after, count } = this.scene
    const times = dice.between(1, 5)
    const pauseMs = dice.chance(0.5) ? dice.between(0, 20) : dice.between(1_000, 90_000)
    for (let n = 0; n < times; n++) {
      after(pauseMs, () => {
        count('duplicate')
        this.deliver(message, 1)
      })
    }
  }

  /** Makes the callback, and repeats it if there is no answer. */
  private deliver(message: Message, tries: number): void {
    const { scene } = this
    this.call({ kind: 'message', inbound: this.inboundOf(message) }, reply => {
      if (reply !== undefined) return this.onFirstReply(message, reply)
      if (tries > 1 && scene.dice.chance(0.8)) {
        scene.after(scene.dice.between(500, 5_000), () => this.deliver(message, tries - 1))
      }
    })
  }

  private inboundOf(message: Message): Inbound {
    const { msgid, surface, sender, conversation, text, responseUrl, sentAt } = message
    const { clock, dice } = this.scene
    return {
      account,
      surface,
      origin: surface === 'app' ? 'app' : 'message',
      msgid,
      sender: dice.chance(0.1) ? sender.toUpperCase() : sender,
      conversation,
      text,
      receivedAt: clock.now(),
      ...(dice.chance(0.3) && { createdAt: Math.floor(sentAt / 1_000) * 1_000 }),
      ...(responseUrl !== undefined && { responseUrl }),
    }
  }

  /** Makes a callback. `answered` gets undefined if there is no reply in time. */
  private call(callback: Parameters<Receive>[0], answered: (reply: Reply | undefined) => void): void {
    const { scene } = this
    const receive = this.reach()
    let isOver = false
    const once = (reply: Reply | undefined) => {
      if (isOver) return
      isOver = true
      cancelTimeout()
      answered(reply)
    }
    const cancelTimeout = scene.clock.steady.alarm(scene.clock.steady.now() + callbackMs, () => once(undefined))
    if (receive === undefined) return scene.after(1, () => once(undefined))
    receive(callback).then(once, error => {
      scene.note(`tenant: a callback was refused: ${String(error)}`)
      const isFair = isCode(error, 'store_failed') && scene.clock.steady.now() === scene.quietSince()
      if (!isFair) scene.broken(`a callback was refused: ${String(error)}`)
      scene.count('callback refused')
      once(undefined)
    })
  }

  private onFirstReply(message: Message, reply: Reply): void {
    message.isAccepted = true
    if (message.surface === 'app' && reply.kind === 'empty') return this.checkStored(message)
    if (reply.kind !== 'stream') return this.scene.broken(`${message.name} was answered with ${reply.kind}`)
    const { frame } = reply
    this.laws.checkFirst(message, frame)
    if (message.first !== undefined) return
    message.first = frame
    this.scene.note(`tenant: ${message.name} of ${message.sender} has bubble ${frame.streamId}`)
    if (frame.finish) message.finish = frame
    else this.poll(message, true)
  }

  private checkStored(message: Message): void {
    const { db, broken } = this.scene
    if (db.turn(message.turnId) === undefined) broken(`${message.name} was answered but is not on disk`)
  }

  /** A user opens the app. WeCom sends the event, and repeats it if there is no answer. */
  enter(sender: string): void {
    const { scene } = this
    const key = `enter-${++this.events}`
    if (scene.db.messages().some(({ id }) => id.startsWith(`welcome:${account}:${sender}:`)))
      scene.count('welcome requested again')
    this.greet(sender, key, 3)
    if (scene.dice.chance(0.3)) scene.after(scene.dice.between(1, 9_000), () => this.greet(sender, key, 1))
  }

  private greet(sender: string, key: string, tries: number): void {
    const { scene } = this
    this.call({ kind: 'greet', account, key, sender, event: 'enter_agent' }, reply => {
      if (reply === undefined && tries > 1) return scene.after(500, () => this.greet(sender, key, tries - 1))
      if (reply === undefined) return
      if (reply.kind !== 'empty') scene.broken(`an enter_agent event was answered with ${reply.kind}`)
      const isWelcome = scene.db.messages().some(({ id }) => id.startsWith(`welcome:${account}:${sender}:`))
      if (!isWelcome) scene.broken(`${sender} opened the app but gets no welcome`)
    })
  }

  private poll(message: Message, isFirst: boolean): void {
    const { scene } = this
    const { dice, settings, clock } = scene
    if (isFirst) this.polling++
    const isLeft = dice.chance(0.02)
    const pauseMs = dice.chance(0.9) ? dice.between(500, 2_500) : dice.between(2_500, 40_000)
    if (isLeft || clock.steady.now() + pauseMs > message.sentAt + settings.windowMs) {
      this.polling--
      return
    }
    scene.after(pauseMs, () => this.refresh(message))
  }

  private refresh(message: Message): void {
    const { scene } = this
    const streamId = message.first?.streamId ?? ''
    scene.count('refresh')
    this.call({ kind: 'refresh', account, streamId }, reply => {
      if (reply === undefined) return this.poll(message, false)
      if (reply.kind !== 'stream') return scene.broken(`a refresh of ${message.name} was answered with ${reply.kind}`)
      const wasFinished = message.finish !== undefined
      this.laws.checkRefresh(message, reply.frame)
      if (reply.frame.finish) message.finish ??= reply.frame
      if (reply.frame.finish && !wasFinished) scene.note(`tenant: the bubble of ${message.name} is finished`)
      // WeCom stops at the final frame, unless it didn't receive it.
      if (message.finish === undefined || scene.dice.chance(wasFinished ? 0.3 : 0.15)) this.poll(message, false)
      else this.polling--
    })
  }
}
