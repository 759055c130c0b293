import { deliveryIdOf } from '../../src/bridge/operator/send.ts'
import type { Attempt, Delivery, Message } from '../../src/domain/delivery.ts'
import { isDone } from '../../src/domain/delivery.ts'
import { limits } from '../../src/domain/limits.ts'
import type { Turn } from '../../src/domain/turn.ts'
import { refusedApp, type SimulatedApp } from './app.ts'
import { account, welcomeText } from './daemon.ts'
import type { SimulatedPlatform } from './platform.ts'
import type { Scene } from './scene.ts'
import type { Scripts } from './scripts.ts'

/** The delivery of an answer by the app, as opposed to notices of a turn. */
const answerId = /:app$/

/** Checks the deliveries by the app at the end of a run (docs/behaviour.md). */
export class AppEndLaws {
  private readonly scene: Scene
  private readonly app: SimulatedApp
  private readonly platform: SimulatedPlatform
  private readonly scripts: Scripts
  private readonly messages: readonly Delivery[]

  constructor(scene: Scene, world: { app: SimulatedApp; platform: SimulatedPlatform; scripts: Scripts }) {
    this.scene = scene
    this.app = world.app
    this.platform = world.platform
    this.scripts = world.scripts
    this.messages = scene.db.messages()
  }

  check(): void {
    for (const delivery of this.messages) this.checkDelivery(delivery)
    this.checkOrders()
    this.checkWelcomes()
    for (const turn of this.scene.db.allTurns()) this.checkTurn(turn)
  }

  private checkDelivery(delivery: Delivery): void {
    const { broken } = this.scene
    const { id, state, dead } = delivery
    if (!isDone(state)) return broken(`${id} is still ${state}`)
    this.countDelivery(delivery)
    this.checkShown(delivery)
    if (state === 'dropped') broken(`${id} was dropped`)
    if (state === 'unknown' && !dead) broken(`${id} is unknown but not dead`)
    if (state === 'unknown' && delivery.attempts.every(({ outcome }) => outcome !== 'unknown')) {
      broken(`${id} is unknown, but every attempt was answered`)
    }
    if (state === 'refused') this.checkRefused(delivery)
  }

  /** Law: users see each part as the daemon reports it. Once if it was delivered, never if it was not sent. */
  private checkShown(delivery: Delivery): void {
    const { scene, app } = this
    const parts = partsOf(delivery)
    const reached = recipientsOf(delivery).some(id => !app.hidden.includes(id))
    const isComplete = delivery.state === 'delivered' || delivery.state === 'partial'
    if (isComplete && !reached) scene.broken(`${delivery.id} is ${delivery.state}, but no recipient can see the app`)
    if ((delivery.state === 'partial') !== (isComplete && delivery.unreached !== undefined)) {
      scene.broken(`${delivery.id} is ${delivery.state} although ${JSON.stringify(delivery.unreached)}`)
    }
    for (const part of parts.keys()) {
      const times = app.timesShown(delivery.id, part + 1)
      const tries = delivery.attempts.filter(attempt => attempt.part === part + 1)
      const isDelivered = tries.some(({ outcome }) => outcome === 'delivered')
      const mayBeThere = isDelivered || tries.some(({ outcome }) => outcome === 'unknown')
      const where = `part ${part + 1} of ${delivery.id}`
      if (isComplete && !isDelivered) scene.broken(`${where} was not delivered, but the delivery is`)
      if (isDelivered && reached && times === 0 && !scene.clockWasSet()) {
        scene.broken(`${where} is delivered, but was not shown`)
      }
      if (times > 0 && !mayBeThere) scene.broken(`${where} was shown, but the daemon reports that it was not`)
    }
  }

  /** Law: a refused delivery takes its next route, and is a dead letter only without one. */
  private checkRefused(delivery: Delivery): void {
    const { scene } = this
    const { id, dead, attempts, turn: turnId, finishedAt = 0 } = delivery
    const turn = turnId === undefined ? undefined : scene.db.turn(turnId)
    // WeCom accepted the part in another attempt, so an unknown one doesn't matter.
    const isTaken = (part?: number) => attempts.some(one => one.part === part && one.errcode === 0)
    const unresolved = attempts.find(one => one.outcome === 'unknown' && one.givenUp !== true && !isTaken(one.part))
    const isOpen = turn?.responseUrl !== undefined && finishedAt < turn.receivedAt + limits.responseUrlMs
    if (dead && isOpen && answerId.test(id)) scene.broken(`${id} is dead although its response_url is unused`)
    if (dead) return
    if (!answerId.test(id)) return scene.broken(`${id} is not an answer and has no other route`)
    const other = turnId === undefined ? undefined : scene.db.delivery(`${turnId}:response_url`)
    if (other === undefined) return scene.broken(`${id} was refused and took no other route`)
    scene.count(
      partsOf(delivery).length > 1 && attempts.some(isThere) ? 'rest by response_url' : 'response_url after the app',
    )
    if (unresolved !== undefined)
      scene.broken(`${id} took another route although its part ${unresolved.part} may have arrived`)
  }

  /** Law: an accepted send request is stored once, with its text. */
  private checkOrders(): void {
    const { scene, scripts } = this
    for (const { key, text, isAccepted } of scripts.orders) {
      const stored = scene.db.delivery(deliveryIdOf(key))
      if (stored === undefined && isAccepted) scene.broken(`${key} was accepted but is lost`)
      if (stored !== undefined && textOf(partsOf(stored)) !== text) scene.broken(`${key} has another text`)
    }
    const sends = this.messages.filter(({ turn, id }) => turn === undefined && id.startsWith('send_'))
    const ids = new Set(scripts.orders.map(({ key }) => deliveryIdOf(key)))
    const stray = sends.find(({ id }) => !ids.has(id))
    if (stray !== undefined) scene.broken(`${stray.id} was sent without a request`)
  }

  private checkWelcomes(): void {
    const { scene } = this
    const day = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai' })
    const welcomed = new Set<string>()
    for (const delivery of this.messages) {
      if (!delivery.id.startsWith(`welcome:${account}:`)) continue
      const when = `${recipientsOf(delivery).join()} on ${day.format(delivery.createdAt)}`
      scene.count('welcome')
      if (welcomed.has(when)) scene.broken(`there are two welcomes for ${when}`)
      welcomed.add(when)
      if (textOf(partsOf(delivery)) !== welcomeText) scene.broken(`the welcome for ${when} has another text`)
    }
  }

  private checkTurn(turn: Turn): void {
    const { scene } = this
    const answer = scene.db.delivery(`${turn.id}:app`)
    if (answer !== undefined) this.checkAnswer(turn, answer)
    if (turn.surface !== 'app' || turn.state !== 'ended') return
    if (turn.end === 'refused' && scene.db.delivery(`${turn.id}:notice`) === undefined) {
      scene.broken(`no notice that ${turn.id} was refused`)
    }
    const isNotified = this.messages.some(({ id }) => id.startsWith(`busy:${account}:${turn.sender.toLowerCase()}:`))
    if (turn.end === 'busy' && !isNotified) scene.broken(`no notice that ${turn.id} ended busy`)
  }

  /** Law: the whole answer goes to its sender, each part by one route only. */
  private checkAnswer(turn: Turn, delivery: Delivery): void {
    const { scene, app, platform } = this
    const { id } = delivery
    const parts = partsOf(delivery)
    const preface = turn.surface === 'app' && turn.preface !== undefined ? `${turn.preface}\n\n` : ''
    if (textOf(parts) !== preface + turn.answer) scene.broken(`${id} is not the answer`)
    if (recipientsOf(delivery).join() !== turn.sender.toLowerCase()) scene.broken(`${id} goes to another user`)
    this.checkHeld(turn, delivery)
    const posted = turn.responseUrl === undefined ? undefined : platform.shownAt(turn.responseUrl)
    if (posted === undefined) return
    for (const [index, part] of parts.entries()) {
      const isThere = app.timesShown(id, index + 1) > 0
      const isPosted = posted.includes(plain(part)) && (parts.length > 1 || posted === plain(part))
      const where = `part ${index + 1} of ${id}`
      if (isThere && isPosted) scene.broken(`${where} was shown and posted`)
      const isSettled = isThere || delivery.attempts.some(one => one.part === index + 1 && one.givenUp === true)
      const isLong = Buffer.byteLength(turn.answer) > limits.responseMarkdownBytes
      const isLine = parts.length > index + 1 && parts.at(-1)?.kind === 'media'
      if (!isSettled && !isPosted && !isLong && !isLine) scene.broken(`${where} was not delivered`)
    }
  }

  /** Law: if the app is on hold, an answer that fits its unused response_url goes there at once. */
  private checkHeld(turn: Turn, { id, attempts }: Delivery): void {
    const { scene } = this
    const [first, second] = attempts.filter(isHold)
    const times = (first?.times ?? 1) + (second === undefined ? 0 : 1)
    const fits = Buffer.byteLength(turn.answer) <= limits.responseMarkdownBytes
    const isUnknown = attempts.some(({ outcome }) => outcome === 'unknown')
    const hasRoute = turn.responseUrl !== undefined && (first?.at ?? Infinity) < turn.receivedAt + limits.responseUrlMs
    if (hasRoute && fits && !isUnknown && times > 1) scene.broken(`${id} waited although its response_url is unused`)
  }

  private countDelivery({ state, attempts, body, finishedAt = 0, expiresAt }: Delivery): void {
    const { count } = this.scene
    const parts = body.kind === 'messages' ? body.messages : []
    if (parts.at(-1)?.kind === 'media') count('sent as a file')
    else if (parts.length > 1) count('sent in parts')
    if (state === 'delivered') count('direct message delivered')
    if (state === 'partial') count('direct message partial')
    if (state === 'unknown') count('direct message unknown')
    if (state === 'refused') count('direct message refused')
    if (finishedAt >= expiresAt) count('direct message expired')
    if (attempts.some(isHold)) count('held')
  }
}

function isThere({ outcome, givenUp }: Attempt): boolean {
  return outcome === 'delivered' || givenUp === true
}

function isHold({ errcode }: Attempt): boolean {
  return errcode === refusedApp
}

function partsOf({ body }: Delivery): readonly Message[] {
  return body.kind === 'messages' ? body.messages : []
}

function recipientsOf({ body }: Delivery): readonly string[] {
  const isUsers = body.kind === 'messages' && body.to.kind === 'user'
  return isUsers && body.to.kind === 'user' ? body.to.ids.map(id => id.toLowerCase()) : ['other targets']
}

/** The text of several messages without their numbers, or the content of their file. */
function textOf(parts: readonly Message[]): string {
  const last = parts.at(-1)
  if (last?.kind === 'media') return plain(last)
  return parts.map(plain).join('')
}

function plain(message: Message): string {
  if (message.kind === 'media') return message.source.kind === 'text' ? message.source.content : ''
  if (message.kind !== 'text' && message.kind !== 'markdown') return ''
  return message.content.replace(/^\(\d+\/\d+\)\n/, '')
}
