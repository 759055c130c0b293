import { type Delivery, isDone } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import type { BridgeContext } from '../context.ts'
import { usesApp } from '../deliver/breaker.ts'

/** Why a delivery has not left, and when it is looked at again; `errcode` and `hint` of what only the operator can mend. */
export interface WaitReason {
  readonly reason: string
  readonly until?: number
  readonly errcode?: number
  readonly hint?: string
}

type WaitDeps = Pick<BridgeContext, 'store' | 'breaker'>

/** What a delivery to WeCom waits for; undefined when it is done, on its way, or about to leave. */
export async function waitReasonOf(context: WaitDeps, delivery: Delivery): Promise<WaitReason | undefined> {
  const { state, dueAt: until } = delivery
  if (isDone(state) || state === 'sending') return undefined
  const hold = usesApp(delivery) ? context.breaker.of(delivery.account) : undefined
  if (hold !== undefined) {
    const { since: _, ...why } = hold
    return { reason: 'WeCom refuses this app', until, ...why }
  }
  const ahead = await context.store.outbox.ahead(delivery)
  if (ahead !== undefined) {
    const first = `${ahead.id} for the same target goes first`
    const waits = await waitReasonOf(context, ahead)
    return waits === undefined ? { reason: first } : { ...waits, reason: `${first}, and ${waits.reason}` }
  }
  if (state === 'held') return { reason: noRoom(delivery), until }
  return delivery.attempts.at(-1)?.outcome === undefined ? undefined : { reason: 'it is tried again', until }
}

function noRoom({ route }: Delivery): string {
  const { messagesPerMinute, messagesPerHour, robotPerMinute } = limits
  return route === 'webhook'
    ? `WeCom takes ${robotPerMinute} messages of a group robot in a minute`
    : `WeCom lets a member get ${messagesPerMinute} messages of an app in a minute and ${messagesPerHour} in an hour`
}
