import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DeliveryReport } from '../../src/bridge/operator/trace.ts'
import type { TraceEvent } from '../../src/domain/turn.ts'
import { createEchoGateway, type EchoGateway, type EchoOptions } from '../../src/playground/gateway/echo-gateway.ts'
import { isObject } from '../../src/domain/json.ts'
import { createTenant, type Tenant, type TenantOptions } from '../../src/playground/tenant/tenant.ts'
import { type Clock, realClock, type World } from '../../src/world.ts'
import { type Binary, prepareBinary } from '../scenarios/binary.ts'
import { appOf, botKey, botToken, configText, freePort, quietWorld, type SendAnswer } from '../scenarios/daemon.ts'
import { until } from '../scenarios/until.ts'

const echoToken = 'kill-token-0123456789abcdef'
export const adminToken = 'admin-token'

export interface KillRigOptions {
  readonly tenant?: Partial<TenantOptions>
  /** Merged over the config's `channels.wecom.bot`. */
  readonly bot?: object
  /** The account has an app too; merged over the config's `channels.wecom.agent`. */
  readonly agent?: object
  /** Merged over the config's `channels.wecom`. */
  readonly channel?: object
  /** The daemon; the compiled one by default. */
  readonly program?: readonly string[]
  /** The clock of tenant and gateway. */
  readonly clock?: Clock
}

/** The compiled daemon between a tenant and a gateway, all over TCP. The two outlive every kill of the daemon. */
export interface KillRig {
  readonly daemon: Binary
  /** Holds config and state. */
  readonly folder: string
  readonly tenant: Tenant
  close(): Promise<void>
}

export interface EchoRig extends KillRig {
  readonly echo: EchoGateway
}

/** Opens the rig before `gateway`; the daemon listens when it resolves. */
export async function openKillRig(
  gateway: { readonly url: string; readonly token: string },
  options: KillRigOptions = {},
): Promise<KillRig> {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-kill-'))
  const port = freePort()
  const tenant = await createTenant(worldOf(options), {
    callbackUrl: `http://127.0.0.1:${port}/wecom/bot`,
    token: botToken,
    encodingAESKey: botKey,
    refreshMs: 50,
    // Nobody listens for some milliseconds after a kill: deliver again soon and often.
    retryAfterMs: 250,
    deliveries: 40,
    ...(options.agent && { apps: [{ ...appOf, callbackUrl: `http://127.0.0.1:${port}/wecom/agent` }] }),
    appAnswerMs: 1_500,
    ...options.tenant,
  })
  const admin = { port: freePort(), token: adminToken }
  const config = {
    admin,
    limits: { perUserPerMinute: 100_000 },
    log: { level: 'debug' },
  }
  const { bot = {}, agent, channel = {} } = options
  const text = configText(
    { bot, channel, config, ...(agent && { agent }) },
    { port, apiBaseUrl: tenant.apiBaseUrl, gateway },
  )
  const daemon = await prepareBinary(folder, text, admin, options.program)
  await daemon.start()
  return {
    daemon,
    folder,
    tenant,
    async close() {
      tenant.close()
      await daemon.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function worldOf({ clock = realClock }: KillRigOptions): World {
  return { ...quietWorld(), clock }
}

/** Opens the rig before an echo gateway of its own. */
export async function openEchoRig(options: KillRigOptions & { readonly echo: Partial<EchoOptions> }): Promise<EchoRig> {
  const echo = createEchoGateway(worldOf(options), { token: echoToken, ...options.echo })
  const rig = await openKillRig({ url: echo.url, token: echoToken }, options)
  return {
    ...rig,
    echo,
    async close() {
      await rig.close()
      await echo.close()
    },
  }
}

/** The steps that the daemon tells of a message's journey; none when it does not know the message. */
export async function journeyOf(daemon: Binary, id: string): Promise<readonly TraceEvent[]> {
  const journey = await daemon.api(`/api/trace/${encodeURIComponent(id)}`)
  const events = isObject(journey) ? journey['events'] : undefined
  // What /api/trace lists are trace events.
  return Array.isArray(events) ? (events as readonly TraceEvent[]) : []
}

/** True once nothing waits any more: no turn is open, no delivery on its way or held. */
export async function isIdle(daemon: Binary): Promise<boolean> {
  const status = await daemon.api('/api/status')
  if (!isObject(status)) return false
  const { turns, outbox } = status
  return isObject(turns) && turns['open'] === 0 && isObject(outbox) && outbox['queued'] === 0 && outbox['held'] === 0
}

/** `POST /api/send`; rejects when the daemon dies before it answers. */
export async function postSend(daemon: Binary, body: object): Promise<{ status: number; answer: SendAnswer }> {
  const response = await fetch(`${daemon.privateUrl}/api/send`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    keepalive: false,
  })
  // The daemon is of this source.
  return { status: response.status, answer: (await response.json()) as SendAnswer }
}

/** What the daemon says of a delivery once it has an end. */
export function deliveredBy(daemon: Binary, id: string): Promise<DeliveryReport> {
  return until(`the end of delivery ${id}`, async () => {
    // The daemon is of this source.
    const report = (await daemon.api(`/api/deliveries/${encodeURIComponent(id)}`)) as DeliveryReport
    return report.finishedAt !== undefined && report
  })
}
