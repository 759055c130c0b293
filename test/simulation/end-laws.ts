import { type Delivery, isDone } from '../../src/domain/delivery.ts'
import { limits } from '../../src/domain/limits.ts'
import { formatSessionKey } from '../../src/domain/routing.ts'
import type { Turn } from '../../src/domain/turn.ts'
import { createTranslator } from '../../src/core/notices/notices.ts'
import type { SimulatedGateway } from './gateway.ts'
import type { SimulatedPlatform } from './platform.ts'
import { marksOf, type Replies } from './replies.ts'
import type { Scene } from './scene.ts'
import type { Message, SimulatedTenant } from './tenant.ts'

/** Checks the turns and their answers at the end of a run (docs/behaviour.md). */
export class EndLaws {
  private readonly scene: Scene
  private readonly gateway: SimulatedGateway
  private readonly platform: SimulatedPlatform
  private readonly tenant: SimulatedTenant
  private readonly replies: Replies
  private readonly turns: ReadonlyMap<string, Turn>

  constructor(
    scene: Scene,
    world: { gateway: SimulatedGateway; platform: SimulatedPlatform; tenant: SimulatedTenant; replies: Replies },
  ) {
    this.scene = scene
    this.gateway = world.gateway
    this.platform = world.platform
    this.tenant = world.tenant
    this.replies = world.replies
    this.turns = new Map(scene.db.allTurns().map(turn => [turn.id, turn]))
  }

  check(): void {
    for (const message of this.tenant.messages) this.checkMessage(message)
    for (const turn of this.turns.values()) this.checkTurn(turn)
    this.checkOrder()
  }

  private checkMessage(message: Message): void {
    const { scene } = this
    const turn = this.turns.get(message.turnId)
    if (message.isAccepted && turn === undefined) scene.broken(`${message.name} is lost`)
    if (turn === undefined) return
    const root = this.rootOf(turn)
    if (root === undefined) return scene.broken(`${message.name} was merged into a missing turn`)
    if (isAsked(root) && !marksOf(root.question ?? '').includes(message.name)) {
      scene.broken(`${message.name} is missing in the question of ${root.id}`)
    }
  }

  private checkTurn(turn: Turn): void {
    const { scene } = this
    const deliveries = scene.db.deliveriesOf(turn.id)
    const open = deliveries.filter(delivery => ['queued', 'sending', 'held'].includes(delivery.state))
    if (open.length > 0) scene.broken(`${open[0]?.id} is still ${open[0]?.state}`)
    const job = scene.db.jobsOf(turn.id).find(({ state }) => state === 'queued')
    if (job !== undefined) scene.broken(`${job.id} is still queued`)
    if (this.gateway.rowsOf(turn.id) > 1) scene.broken(`${turn.id} is twice in the history`)
    this.countTurn(turn, deliveries)
    if (turn.state === 'ended') return this.checkEnded(turn)
    if (turn.state !== 'shown' && turn.state !== 'moved') return scene.broken(`${turn.id} is still ${turn.state}`)
    if (turn.end === undefined) return scene.broken(`${turn.id} moved but never ended`)
    this.checkEnd(turn)
    this.checkDelivered(turn, deliveries)
  }

  private checkEnded(turn: Turn): void {
    const allowed = ['busy', 'refused', 'expired', 'merged']
    if (!allowed.includes(turn.end ?? '')) this.scene.broken(`${turn.id} ended ${turn.end} without an answer`)
    if (turn.closedWith === undefined) this.scene.broken(`${turn.id} ended without a notice`)
  }

  /** Law: without faults a turn ends as the agent's reply does. */
  private checkEnd(turn: Turn): void {
    const { scene, gateway } = this
    const reply = this.replies.find(marksOf(turn.question ?? ''))
    if (turn.end === 'answered' && turn.answer !== reply?.text) {
      scene.broken(`the answer of ${turn.id} is stored as "${turn.answer.slice(0, 80)}"`)
    }
    if (gateway.wasDisturbed || turn.end === 'expired') return
    const ends = { answers: 'answered', 'says nothing': 'empty', 'says blanks': 'empty', hangs: 'failed' } as const
    const manner = reply?.manner ?? 'answers'
    const expected = manner === 'fails' || manner === 'fails midway' ? 'failed' : ends[manner]
    const isTimeout = turn.answer.endsWith(createTranslator(scene.settings.language)({ key: 'timeout' }))
    if (turn.end !== expected && !isTimeout) scene.broken(`${turn.id} ended ${turn.end}, the agent ${manner}`)
  }

  /** Law: an answer is shown, or delivered once, or a dead letter. */
  private checkDelivered(turn: Turn, deliveries: readonly Delivery[]): void {
    const { scene, platform, tenant } = this
    const finish = tenant.find(turn.id)?.finish?.content
    const isWhole = finish?.endsWith(turn.answer) === true
    const posted = turn.responseUrl === undefined ? undefined : platform.shownAt(turn.responseUrl)
    if (turn.state === 'shown' && deliveries.length > 0) scene.broken(`${turn.id} was shown and sent`)
    if (turn.state === 'shown' && finish !== undefined && !isWhole) scene.broken(`${turn.id} was not shown whole`)
    if (turn.state === 'moved' && deliveries.length === 0) scene.broken(`the answer of ${turn.id} has no delivery`)
    if (isWhole && posted !== undefined) scene.broken(`the answer of ${turn.id} was shown and posted`)
    if (isWhole && deliveries.some(({ route }) => route === 'app'))
      scene.broken(`${turn.id} was shown and sent by the app`)
    if (posted !== undefined && !isBegun(deliveries)) this.checkPosted(turn, posted, deliveries)
    const isSettled = deliveries.every(
      ({ dead, state, route }) => dead || (isDone(state) && (state !== 'refused' || route === 'app')),
    )
    if (!isSettled) scene.broken(`the answer of ${turn.id} is neither delivered nor dead`)
    const isPosted = deliveries.some(({ state, route }) => state === 'delivered' && route === 'response_url')
    if (isPosted && posted === undefined) {
      scene.broken(`${turn.id} counts as delivered, but the platform has shown nothing`)
    }
  }

  /**
   * Law: a response_url gets the whole answer if it fits, else what the bubble did not show. The rest is a dead letter.
   */
  private checkPosted(turn: Turn, posted: string, deliveries: readonly Delivery[]): void {
    const { scene } = this
    const size = Buffer.byteLength(turn.answer)
    if (Buffer.byteLength(posted) > limits.responseMarkdownBytes) scene.broken(`the post of ${turn.id} is too long`)
    if (size <= limits.responseMarkdownBytes) {
      if (posted !== turn.answer) scene.broken(`the post of ${turn.id} is not its answer`)
      return
    }
    const remainder = deliveries.find(({ body }) => body.kind === 'remainder')?.body
    const left = remainder?.kind === 'remainder' ? remainder.content : ''
    const notice = `\n\n${createTranslator(scene.settings.language)({ key: 'overflow_lost' })}`
    const body = left !== '' && posted.endsWith(notice) ? posted.slice(0, -notice.length) : posted
    const tail = body + left
    const shown = Buffer.byteLength(tail) < size ? (this.tenant.find(turn.id)?.finish?.content ?? '') : ''
    const head = turn.answer.slice(0, turn.answer.length - tail.length)
    if (!turn.answer.endsWith(tail)) scene.broken(`the post of ${turn.id} is not the rest of its answer`)
    if (shown !== '' && !shown.includes(head)) scene.broken(`a part of the answer of ${turn.id} is lost`)
  }

  /** Law: the questions of a conversation are asked in the order of their first commit. */
  private checkOrder(): void {
    const { scene, gateway, tenant } = this
    const latest = new Map<string, number>()
    for (const { key, sessionKey, marks } of gateway.asked) {
      const places = marks.map(mark => tenant.messages.find(({ name }) => name === mark)?.place ?? 0)
      const place = Math.min(...places)
      if (place < (latest.get(sessionKey) ?? 0)) scene.broken(`${key} was asked after a later one`)
      latest.set(sessionKey, place)
      const message = tenant.find(key)
      const isOwn = message !== undefined && formatSessionKey('main', message.conversation) === sessionKey
      if (!isOwn) scene.broken(`${key} was asked in ${sessionKey}`)
      if (places.some((one, index) => one < (places[index - 1] ?? 0))) scene.broken(`${key} has its parts out of order`)
    }
  }

  /** The turn that this one was merged into, or itself. */
  private rootOf(turn: Turn): Turn | undefined {
    if (turn.end !== 'merged') return turn
    const into = turn.trace.find(event => event.kind === 'ended')?.['into']
    const next = this.turns.get(String(into))
    return next === undefined ? undefined : this.rootOf(next)
  }

  private countTurn(turn: Turn, deliveries: readonly Delivery[]): void {
    const { count } = this.scene
    if (turn.end !== undefined) count(turn.end)
    for (const { kind, why } of turn.trace) {
      if (kind === 'moved' && why === 'handover') count('handover')
      if (kind === 'resumed') count('resumed')
    }
    const shown = turn.trace.some(({ kind }) => kind === 'frame_finished')
    if (turn.surface === 'bot' && turn.state === 'moved' && turn.trace.every(({ why }) => why !== 'handover') && !shown)
      count('final not fetched')
    for (const { route, state, dead } of deliveries) {
      if (route !== 'response_url') continue
      if (state === 'delivered') count('delivered')
      if (state === 'refused') count('delivery refused')
      if (state === 'unknown') count('delivery unknown')
      if (dead) count('dead letter')
    }
  }
}

/** Whether a part of the answer was delivered by the app. Then only the rest is posted. */
function isBegun(deliveries: readonly Delivery[]): boolean {
  const direct = deliveries.find(({ route }) => route === 'app')
  return direct?.attempts.some(({ outcome, givenUp }) => outcome === 'delivered' || givenUp === true) === true
}

function isAsked(turn: Turn): boolean {
  return turn.asked !== undefined
}
