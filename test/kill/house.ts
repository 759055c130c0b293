import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TraceEvent } from '../../src/domain/turn.ts'
import { createEchoGateway, type EchoGateway, type EchoOptions } from '../../src/playground/echo-gateway.ts'
import { isObject } from '../../src/playground/json.ts'
import { createTenant, type Tenant, type TenantOptions } from '../../src/playground/tenant.ts'
import { type Binary, prepareBinary } from '../scenarios/binary.ts'
import { botKey, botToken, configText, freePort, quietWorld } from '../scenarios/house.ts'

const echoToken = 'kill-token-0123456789abcdef'

export interface KillHouseOptions {
  readonly tenant?: Partial<TenantOptions>
  /** Merged over the config's `channels.wecom.bot`. */
  readonly bot?: object
}

/** The compiled daemon between a tenant and a gateway, all over TCP. The two outlive every kill of the daemon. */
export interface KillHouse {
  readonly daemon: Binary
  readonly tenant: Tenant
  close(): Promise<void>
}

export interface EchoHouse extends KillHouse {
  readonly echo: EchoGateway
}

/** Opens the house before `gateway`; the daemon listens when it resolves. */
export async function openKillHouse(
  gateway: { readonly url: string; readonly token: string },
  options: KillHouseOptions = {},
): Promise<KillHouse> {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-kill-'))
  const port = freePort()
  const tenant = await createTenant(quietWorld(), {
    callbackUrl: `http://127.0.0.1:${port}/wecom/bot`,
    token: botToken,
    encodingAESKey: botKey,
    refreshMs: 50,
    // Nobody listens for some milliseconds after a kill: deliver again soon and often.
    retryAfterMs: 250,
    deliveries: 40,
    ...options.tenant,
  })
  const admin = { port: freePort(), token: 'admin-token' }
  const config = {
    admin,
    limits: { perUserPerMinute: 100_000 },
    log: { level: 'debug' },
  }
  const bot = options.bot ?? {}
  const text = configText({ bot, config }, { port, apiBaseUrl: tenant.apiBaseUrl, gateway })
  const daemon = await prepareBinary(folder, text, admin)
  await daemon.start()
  return {
    daemon,
    tenant,
    async close() {
      tenant.close()
      await daemon.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Opens the house before an echo gateway of its own. */
export async function openEchoHouse(
  options: KillHouseOptions & { readonly echo: Partial<EchoOptions> },
): Promise<EchoHouse> {
  const echo = createEchoGateway(quietWorld(), { token: echoToken, ...options.echo })
  const house = await openKillHouse({ url: echo.url, token: echoToken }, options)
  return {
    ...house,
    echo,
    async close() {
      await house.close()
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

/** True once nothing waits any more: no turn is open and no delivery on its way. */
export async function isIdle(daemon: Binary): Promise<boolean> {
  const status = await daemon.api('/api/status')
  if (!isObject(status)) return false
  const { turns, outbox } = status
  return isObject(turns) && turns['open'] === 0 && isObject(outbox) && outbox['queued'] === 0
}
