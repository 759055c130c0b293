import type { Delivery } from '../../domain/delivery.ts'
import type { Callback } from '../../domain/message.ts'
import type { Target } from '../../domain/target.ts'
import { laneOf } from '../../core/fallback/plan.ts'
import type { BridgeContext } from '../context.ts'

type Greet = Extract<Callback, { kind: 'greet' }>
type Activity = Extract<Callback, { kind: 'activity' }>

/** What the platform last said about the use of an app; `effectAt` is epoch ms. */
export interface AppActivity {
  readonly event: string
  readonly at: number
  readonly effectAt?: number
}

/** These take back what was said before. */
const good = ['reopen_inactive_agent', 'active_restored']

/** Welcomes a user of the app, once per calendar day of the configured time zone. */
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
    body: { kind: 'messages', to, messages: [{ kind: 'text', content: welcome }] },
    lane: laneOf('app', account, to),
    order: context.nextOrder(),
    dueAt: now,
    expiresAt: now + limits.deliverWithinMs,
    attempts: [],
    createdAt: now,
  }
  await store.see(account, key, now, [delivery])
}

/** Writes down for the operator that the platform will suspend an app that nobody uses, or has. */
export async function noteActivity(context: BridgeContext, { account, key, event, effectAt }: Activity): Promise<void> {
  const at = context.clock.now()
  if (!(await context.store.see(account, key, at))) return
  const activity: AppActivity = { event, at, ...(effectAt !== undefined && { effectAt }) }
  const isGood = good.includes(event)
  await context.store.keyValue.set(memoOf(account), isGood ? '' : JSON.stringify(activity))
  const fields = { account, event, ...(effectAt !== undefined && { effectAt: new Date(effectAt).toISOString() }) }
  if (isGood) context.log.info('the platform counts the app as used again', fields)
  else context.log.warn('the platform suspends apps that nobody uses: this one is named', fields)
}

export async function readActivity(
  context: Pick<BridgeContext, 'store'>,
  account: string,
): Promise<AppActivity | undefined> {
  const text = await context.store.keyValue.get(memoOf(account))
  // Written above only.
  return text === undefined ? undefined : (JSON.parse(text) as AppActivity)
}

function memoOf(account: string): string {
  return `activity:${account}`
}
