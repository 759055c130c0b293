import type { Attempt, Delivery, DeliveryBody } from '../../domain/delivery.ts'
import type { Fetched } from '../../domain/ports.ts'
import type { Turn } from '../../domain/turn.ts'
import { askableAt, settleAttachment } from '../../core/streaming/attachments.ts'
import type { Collected } from '../../core/streaming/files.ts'
import { advance, askId } from '../../core/streaming/advance.ts'
import { OutboxWorker, defer } from './worker.ts'
import { collectFile, type Postponed } from './collect.ts'
import { type BridgeContext, translatorOf } from '../context.ts'

/** Downloads at once. */
const parallel = 8
/** A question that was joined with the next one, and that with the next, and so on. */
const mostMerges = 50

/**
 * Fetches what users send, at once and beside the queue: links live five minutes. A question waits for its media; what
 * is not to be had, it is asked without. The files of answers are fetched from the agent likewise.
 */
export class Fetcher {
  readonly carrier: OutboxWorker
  private readonly context: BridgeContext

  constructor(context: BridgeContext) {
    this.context = context
    this.carrier = new OutboxWorker(context, {
      name: 'fetches',
      routes: ['media'],
      parallel,
      handle: delivery => this.carry(delivery),
    })
  }

  private async carry(delivery: Delivery): Promise<void> {
    const { body, turn } = delivery
    if (turn === undefined) return
    if (body.kind === 'collect') return await this.collect(delivery, turn, body)
    if (body.kind === 'fetch') return await this.fetchMedia(delivery, turn, body)
  }

  private async fetchMedia(
    delivery: Delivery,
    turn: string,
    { attachment, file }: Extract<DeliveryBody, { kind: 'fetch' }>,
  ): Promise<void> {
    const { platform, clock, log } = this.context
    const isLate = clock.now() >= delivery.expiresAt
    const fetched: Fetched = isLate
      ? { kind: 'failed', problem: 'unreachable' }
      : await platform.fetchMedia(delivery.account, attachment, file)
    if (fetched.kind === 'later') return await defer(this.context, delivery, fetched.retryAfterMs)
    if (fetched.kind === 'failed') {
      const { problem, hint } = fetched
      log.warn('media of a user cannot be had', { turn, kind: attachment.kind, problem, hint })
    }
    await this.settle(delivery, file, fetched, clock.now())
  }

  /** A file of an answer; what is held open for it goes on. */
  private async collect(
    delivery: Delivery,
    id: string,
    body: Extract<DeliveryBody, { kind: 'collect' }>,
  ): Promise<void> {
    const { store, clock } = this.context
    const isLate = clock.now() >= delivery.expiresAt
    const collected: Collected | Postponed = isLate
      ? { kind: 'failed', problem: 'gone' }
      : await collectFile(this.context, body)
    if (collected.kind === 'later') return await defer(this.context, delivery, collected.retryAfterMs)
    const at = clock.now()
    const done = doneWith(delivery, collected, at)
    const event = { kind: 'file_collected', at, file: body.file, collected } as const
    await store.update(id, stored => ({
      ...(advance(stored, event, translatorOf(this.context, stored.account)) ?? { save: [] }),
      settle: [done],
    }))
  }

  /** Tells the turn, or the one that it was joined with meanwhile; the question goes when nothing more is missing. */
  private async settle(
    delivery: Delivery,
    file: string,
    fetched: Exclude<Fetched, { kind: 'later' }>,
    now: number,
  ): Promise<void> {
    const { store } = this.context
    const done = doneWith(delivery, fetched, now)
    let holder = delivery.turn
    for (let merges = 0; holder !== undefined && merges < mostMerges; merges++) {
      const id: string = holder
      const turn: Turn | undefined = await store.update(id, stored => {
        if (stored.mergedInto !== undefined) return undefined
        const next = settleAttachment(stored, file, fetched) ?? stored
        const isWaiting = stored.question === undefined && stored.end === undefined
        const due = isWaiting ? [{ id: askId(id), at: Math.max(askableAt(next), now) }] : []
        return { save: next === stored ? [] : [next], settle: [done], due }
      })
      holder = turn?.mergedInto
    }
  }
}

/** The delivery at its end, with the reason when it failed. */
function doneWith(delivery: Delivery, end: Exclude<Fetched, Postponed> | Collected, at: number): Delivery {
  if (end.kind === 'kept') return { ...delivery, state: 'delivered', finishedAt: at }
  const hint = 'hint' in end && end.hint !== undefined ? { hint: end.hint } : {}
  const attempt: Attempt = { at, route: delivery.route, outcome: 'refused', errmsg: end.problem, ...hint }
  return { ...delivery, attempts: [...delivery.attempts, attempt], state: 'refused', finishedAt: at }
}
