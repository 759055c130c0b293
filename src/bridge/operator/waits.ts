import { type Delivery, isDone } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import type { BridgeContext } from '../context.ts'
import { usesApp } from '../deliver/breaker.ts'

/**
 * Why a delivery has not been sent yet. `until` (epoch ms): when it is tried next. `errcode` and `hint`: set if only
 * the operator can fix the cause.
 */
export interface WaitReason {
  readonly reason: string
  readonly until?: number
  readonly errcode?: number
  readonly hint?: string
}

type WaitDeps = Pick<BridgeContext, 'store' | 'breaker'>

/** What a delivery waits for. Undefined if it is done, is being sent, or will be sent at once. */
export async function waitReasonOf(context: WaitDeps, delivery: Delivery): Promise<WaitReason | undefined> {
  const { state, dueAt: until } = delivery
  if (isDone(state) || state === 'sending') return undefined
  const hold = usesApp(delivery) ? context.breaker.holdOf(delivery.account) : undefined
  if (hold !== undefined) {
    const { since: _, ...why } = hold
    return { reason: 'WeCom refuses this app', until, ...why }
  }
  const ahead = await context.store.outbox.ahead(delivery)
  if (ahead !== undefined) {
    const queue = `queued after ${ahead.id} for the same target`
    const waits = await waitReasonOf(context, ahead)
    return waits === undefined ? { reason: queue } : { ...waits, reason: `${queue}: ${waits.reason}` }
  }
  if (state === 'held') return { reason: rateLimitReason(delivery), until }
  return delivery.attempts.at(-1)?.outcome === undefined ? undefined : { reason: 'the last attempt failed', until }
}

function rateLimitReason({ route }: Delivery): string {
  const { messagesPerMinute, messagesPerHour, robotPerMinute } = limits
  return route === 'webhook'
    ? `WeCom accepts ${robotPerMinute} messages a minute from a group robot`
    : `WeCom lets an app send a member ${messagesPerMinute} messages a minute and ${messagesPerHour} an hour`
}
