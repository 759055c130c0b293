import { readActivity } from '../bridge/callback/app-events.ts'
import type { SendContent } from '../bridge/operator/content.ts'
import { dropDead, listDead, retryDead } from '../bridge/operator/dead.ts'
import type { BridgeContext } from '../bridge/context.ts'
import { outageKeyOf } from '../bridge/deliver/breaker.ts'
import { reportDelivery, readTrace } from '../bridge/operator/trace.ts'
import { listTurns } from '../bridge/operator/turn-list.ts'
import { acceptSend, type SendRequest } from '../bridge/operator/send.ts'
import type { Config } from '../config/config.ts'
import { hourMs, minuteMs } from '../domain/duration.ts'
import { limits } from '../domain/limits.ts'
import { parseTarget } from '../domain/target.ts'
import { WecomdError } from '../errors.ts'
import { type AdminApi, startAdminListener } from '../http/admin.ts'
import type { Metrics } from '../http/metrics.ts'
import type { Listener } from '../http/public.ts'
import type { SendBody } from '../http/send.ts'
import { type AppFacts, reportStatus } from './status.ts'
import type { World } from '../world.ts'
import type { ActiveConfig } from './active-config.ts'
import type { AgentWatch } from './agent-watch.ts'
import type { Links } from './links.ts'

/** The parts of the daemon that the private listener reports on. */
export interface AdminDeps {
  readonly version: string
  readonly active: ActiveConfig
  readonly context: BridgeContext
  readonly links: Links
  readonly metrics: Metrics
  readonly agentWatch: AgentWatch
  readonly life: { readonly startedAt: number; readonly stoppingSince: number | undefined }
  /** Why the last reload was rejected; undefined if the config file is active. */
  reloadProblem(): string | undefined
}

/** Starts the private listener and connects its API to the bridge. */
export function openAdmin(deps: AdminDeps, world: World): Listener {
  const { version, active, context, links, metrics, life } = deps
  const { store } = context
  const sinceOf = rememberSince(() => world.clock.now())
  const status = () => {
    return reportStatus({
      version,
      node: world.host,
      now: world.clock.now(),
      config: active.now.config,
      loadedAt: active.now.loadedAt,
      reloadProblem: deps.reloadProblem(),
      store,
      spool: context.spool,
      gateway: links.users.status,
      questionsHint: links.users.questionsHint,
      admin: links.admin.status,
      agents: deps.agentWatch.components,
      metrics,
      appFacts: account => readAppFacts(context, account),
      sinceOf,
      outageOn: (route, account) => context.breaker.outageOf(outageKeyOf({ route, account })),
      ...life,
    })
  }
  const admin: AdminApi = {
    ready: async () => readiness(await status()),
    status,
    metrics: async () => metrics.render(await gaugesOf(context, links)),
    trace: id => readTrace(context, id),
    turns: query => listTurns(context, query),
    delivery: id => reportDelivery(context, id),
    dead: () => listDead(context),
    retryDead: id => retryDead(context, id),
    dropDead: id => dropDead(context, id),
    async send(body) {
      const { id } = await acceptSend(context, rulesOf(active.now.config), await readRequest(context, body))
      return { id }
    },
  }
  return startAdminListener(active.now.config.admin, () => active.now.adminToken, admin, world.log.area('http'))
}

/** Since when a component is in a state, as far as it was looked at. */
function rememberSince(now: () => number): (component: string, state: string) => number {
  const known = new Map<string, { readonly state: string; readonly since: number }>()
  return (component, state) => {
    const before = known.get(component)
    const since = before?.state === state ? before.since : now()
    known.set(component, { state, since })
    return since
  }
}

async function readAppFacts({ store, clock, platform, breaker }: BridgeContext, account: string): Promise<AppFacts> {
  const now = clock.now()
  const [minute = 0, hour = 0] = await store.outbox.peak(account, [now - minuteMs, now - hourMs])
  const activity = await readActivity({ store }, account)
  const expiresAt = platform.tokenExpiresAt(account)
  const held = breaker.holdOf(account)
  return {
    ...(expiresAt !== undefined && { token: { expiresAt } }),
    quota: { minute, hour },
    ...(held !== undefined && { held }),
    ...(activity !== undefined && { activity }),
  }
}

function readiness(status: Awaited<ReturnType<typeof reportStatus>>) {
  return { ready: status.ready, components: status.components }
}

async function gaugesOf(context: BridgeContext, links: Links) {
  const [turns, outbox] = await Promise.all([context.store.counts(), context.store.outbox.summary()])
  return {
    turns: turns.states,
    outbox: Object.fromEntries(Object.entries(outbox.states).filter(([state]) => openStates.includes(state))),
    dead: outbox.dead,
    links: { users: links.users.status.state === 'up', admin: links.admin.status.state === 'up' },
  }
}

/** The states of unfinished deliveries. */
const openStates = ['queued', 'sending', 'held']

function rulesOf({ defaultAccount, webhooks, outbound }: Config) {
  return { defaultAccount, webhooks: Object.keys(webhooks), allowBroadcast: outbound.allowBroadcast }
}

async function readRequest(context: BridgeContext, body: SendBody): Promise<SendRequest> {
  const { target, account: targetAccount } = parseTarget(body.to, { accounts: [...context.accounts.keys()] })
  const account = body.account ?? targetAccount
  return {
    to: target,
    content: await readContent(context, body),
    ...(account !== undefined && { account }),
    ...(body.idempotencyKey !== undefined && { idempotencyKey: body.idempotencyKey }),
  }
}

async function readContent(
  context: BridgeContext,
  { text, markdown, card, news, media }: SendBody,
): Promise<SendContent> {
  const given: SendContent[] = []
  if (text !== undefined) given.push({ kind: 'text', content: text })
  if (markdown !== undefined) given.push({ kind: 'markdown', content: markdown })
  if (card !== undefined) given.push({ kind: 'card', card })
  if (news !== undefined) given.push({ kind: 'news', articles: news })
  if (media !== undefined)
    given.push({ kind: 'media', fileName: media.fileName, bytes: await readMedia(context, media) })
  const [content] = given
  if (content !== undefined && given.length === 1) return content
  throw new WecomdError('bad_message', 'the body needs exactly one of text, markdown, card, news and media')
}

async function readMedia(
  context: BridgeContext,
  { base64, path }: NonNullable<SendBody['media']>,
): Promise<Uint8Array> {
  if ((base64 === undefined) === (path === undefined)) {
    throw new WecomdError('bad_message', 'media needs exactly one of base64 and path')
  }
  if (path !== undefined) return await context.spool.borrow(path)
  const bytes = Buffer.from(base64 ?? '', 'base64')
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(base64 ?? '') || bytes.length === 0) {
    throw new WecomdError('bad_message', 'media.base64 is not base64')
  }
  if (bytes.length <= limits.mediaBytes.file) return bytes
  throw new WecomdError('bad_message', 'the file is larger than 20 MiB, the limit of WeCom')
}
