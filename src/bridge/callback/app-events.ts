import type { Delivery } from '../../domain/delivery.ts'
import type { Callback } from '../../domain/message.ts'
import type { Target } from '../../domain/target.ts'
import { planMessages } from '../../core/fallback/messages.ts'
import { laneOf } from '../../core/fallback/plan.ts'
import { type BridgeContext, translatorOf } from '../context.ts'

type Greet = Extract<Callback, { kind: 'greet' }>
type Activity = Extract<Callback, { kind: 'activity' }>

/**
 * The newest event of WeCom about an app that is hardly used. Stored as JSON. `at` and `effectAt`, the time of the
 * suspension, are epoch ms.
 */
export interface AppActivity {
  readonly event: string
  readonly at: number
  readonly effectAt?: number
}

/** Events that withdraw an earlier warning. */
const recoveryEvents = ['reopen_inactive_agent', 'active_restored']

/**
 * Sends the app's welcome, once per user and calendar day of `timezone`. Both the key of the event and the delivery id,
 * which contains the day, keep a repeated event from sending it twice.
 */
export async function sendWelcome(context: BridgeContext, { account, sender, key }: Greet): Promise<void> {
  const { store, clock, timezone, limits } = context
  const now = clock.now()
  const welcome = context.accounts.get(account)?.app?.welcomeText
  if (welcome === undefined) return
  const day = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone }).format(now)
  const to: Target = { kind: 'user', ids: [sender] }
  const delivery: Delivery = {
    id: `welcome:${account}:${sender.toLowerCase()}:${day}`,
    account,
    route: 'app',
    state: 'queued',
    dead: false,
    body: { kind: 'messages', to, messages: planMessages(welcome, 'text', translatorOf(context, account)) },
    lane: laneOf('app', account, to),
    order: context.nextOrder(),
    dueAt: now,
    expiresAt: now + limits.deliverWithinMs,
    attempts: [],
    createdAt: now,
  }
  await store.see(account, key, now, [delivery])
}

/** Records for `status` that WeCom will suspend an unused app, or has suspended it, or counts it as used again. */
export async function recordActivity(
  context: BridgeContext,
  { account, key, event, effectAt }: Activity,
): Promise<void> {
  const at = context.clock.now()
  if (!(await context.store.see(account, key, at))) return
  const activity: AppActivity = { event, at, ...(effectAt !== undefined && { effectAt }) }
  const isRecovery = recoveryEvents.includes(event)
  await context.store.keyValue.set(keyOf(account), isRecovery ? '' : JSON.stringify(activity))
  const fields = { account, event, ...(effectAt !== undefined && { effectAt: new Date(effectAt).toISOString() }) }
  if (isRecovery) context.log.info('WeCom counts this app as used again', fields)
  else context.log.warn('WeCom reports this app as unused and may suspend it', fields)
}

/** Undefined if WeCom never warned about this app, or withdrew the warning. */
export async function readActivity(
  context: Pick<BridgeContext, 'store'>,
  account: string,
): Promise<AppActivity | undefined> {
  const text = await context.store.keyValue.get(keyOf(account))
  // Written by `recordActivity` only.
  return text === undefined ? undefined : (JSON.parse(text) as AppActivity)
}

function keyOf(account: string): string {
  return `activity:${account}`
}
