import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type App, startApp } from '../../src/app.ts'
import type { DeliveryReport } from '../../src/bridge/operator/trace.ts'
import { loadConfig } from '../../src/config/config.ts'
import type { LinkStatus } from '../../src/domain/agent.ts'
import { createEchoGateway, type EchoGateway, type EchoOptions } from '../../src/playground/gateway/echo-gateway.ts'
import { createTenant, type Tenant, type TenantOptions } from '../../src/playground/tenant/tenant.ts'
import { type Clock, createLog, realClock, realWorld, type World } from '../../src/world.ts'
import { SettableClock } from './settable-clock.ts'
import { until } from './until.ts'

export const botToken = 'wecomdBotToken01'
export const botKey = 'AQeSyMsD23gA5M0ejnFAHT5uq4M0N2p7a2ixgXrPwIY'
/** The self-built app of a daemon that has one. */
export const appOf = {
  corpId: 'wwscenario0000001',
  corpSecret: 'scenario-corp-secret-0001',
  agentId: 1_000_002,
  token: 'wecomdAppToken01',
  encodingAESKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C',
} as const
const portsPerProcess = 100
const firstPort = 10_000 + (process.pid % 220) * portsPerProcess
let nextPort = 0

export const gatewayToken = 'scenario-token-0123456789'

export interface TestDaemonOptions {
  readonly tenant?: Partial<TenantOptions>
  readonly gateway?: Partial<EchoOptions>
  /** Where the gateway is, when it is not the echo gateway. */
  readonly gatewayUrl?: { url: string; token: string }
  /** Merged over the config's `channels.wecom.bot`. */
  readonly bot?: object
  /** The account has an app too; merged over its `channels.wecom.agent`. */
  readonly agent?: object
  /** Merged over `channels.wecom`. */
  readonly channel?: object
  /** Merged over its `network`. */
  readonly network?: object
  /** Merged over the config. */
  readonly config?: object
  readonly runTimeoutMs?: number
  /** Unless told otherwise a fixed day begins; with a `gatewayUrl` it is the real time, as it is for that gateway. */
  readonly clock?: Clock
}

/** A whole daemon with a tenant before it and a gateway behind it, all over TCP, in a temp folder. */
export interface TestDaemon {
  readonly app: App
  readonly tenant: Tenant
  readonly gateway: EchoGateway
  readonly folder: string
  readonly log: readonly string[]
  /** What time it is for everybody in the daemon. */
  readonly clock: Clock
  api(path: string): Promise<unknown>
  /** `POST /api/send`. */
  send(body: object): Promise<{ readonly status: number; readonly headers: Headers; readonly answer: SendAnswer }>
  /** Resolves when the delivery has an end, or is held when that is asked for. */
  delivered(id: string, orHeld?: 'held'): Promise<DeliveryReport>
  /** Stops the daemon and starts it again on the same state and port, with what is given changed in its config. */
  restart(changed?: Changed): Promise<void>
  /** Writes the config file with what is given changed, as the first start had it otherwise. */
  reconfigure(changed?: Changed): void
  close(): Promise<void>
}

type Changed = Pick<TestDaemonOptions, 'agent' | 'channel' | 'bot' | 'network' | 'config'>

export interface SendAnswer {
  readonly id?: string
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string; readonly path?: string }
}

export function quietWorld(lines: string[] = []): World {
  return realWorld(createLog(line => void lines.push(line), realClock.now, { level: 'debug', format: 'json' }))
}

/** The config text of a scenario's daemon. */
export function configText(
  options: TestDaemonOptions,
  at: { port: number; apiBaseUrl: string; gateway: { url: string; token: string } },
): string {
  return JSON.stringify({
    channels: {
      wecom: {
        bot: { token: botToken, encodingAESKey: botKey, ...options.bot },
        ...(options.agent && { agent: { ...appOf, ...options.agent } }),
        network: { apiBaseUrl: at.apiBaseUrl, ...options.network },
        ...options.channel,
      },
    },
    server: { host: '127.0.0.1', port: at.port },
    admin: { port: 0, token: 'admin-token' },
    gateway: { ...at.gateway, ...(options.runTimeoutMs !== undefined && { runTimeoutMs: options.runTimeoutMs }) },
    ...options.config,
  })
}

/**
 * A port that nothing listens on. Test processes run side by side, so each has a block of its own, below the ports that
 * the kernel gives to connections: one that was free a moment ago is not taken by a neighbour.
 */
export function freePort(): number {
  for (let attempt = 0; attempt < portsPerProcess; attempt++) {
    const port = firstPort + (nextPort++ % portsPerProcess)
    try {
      Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } }).stop(true)
      return port
    } catch {
      // in use; the next one
    }
  }
  throw new Error(`no port from ${firstPort} to ${firstPort + portsPerProcess} is free`)
}

export async function startTestDaemon(options: TestDaemonOptions = {}): Promise<TestDaemon> {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-daemon-'))
  const log: string[] = []
  const clock = options.clock ?? (options.gatewayUrl === undefined ? new SettableClock() : realClock)
  const world = { ...quietWorld(log), clock }
  const port = freePort()
  const gateway = createEchoGateway(world, { token: gatewayToken, ...options.gateway })
  const tenant = await createTenant(world, {
    callbackUrl: `http://127.0.0.1:${port}/wecom/bot`,
    token: botToken,
    encodingAESKey: botKey,
    refreshMs: 50,
    strict: false,
    ...(options.agent && {
      apps: [{ ...appOf, callbackUrl: `http://127.0.0.1:${port}/wecom/agent` }],
      members: ['zhangsan', 'lisi', '007zhang'],
    }),
    ...options.tenant,
  })
  const file = join(folder, 'wecomd.json5')
  const reconfigure = (changed: Changed = {}) => {
    const at = {
      port,
      apiBaseUrl: tenant.apiBaseUrl,
      gateway: options.gatewayUrl ?? { url: gateway.url, token: gatewayToken },
    }
    writeFileSync(file, configText({ ...options, ...changed }, at), { mode: 0o600 })
  }
  const load = () => loadConfig(file, {})
  const start = (changed?: Changed) => {
    reconfigure(changed)
    const { config, settings, issues: complaints } = load()
    if (config === undefined || settings === undefined) throw new Error(JSON.stringify(complaints))
    const source = { file, settings, load, reloading() {}, reloaded() {} }
    return startApp({ config, stateDir: join(folder, 'state'), version: 'test', source }, world)
  }
  let app = await start()
  const api = async (path: string): Promise<unknown> => {
    const response = await fetch(`${app.privateUrl}${path}`, { headers: { authorization: 'Bearer admin-token' } })
    return response.json()
  }
  return {
    get app() {
      return app
    },
    tenant,
    gateway,
    folder,
    log,
    clock,
    api,
    async send(body) {
      const response = await fetch(`${app.privateUrl}/api/send`, {
        method: 'POST',
        headers: { authorization: 'Bearer admin-token', 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      return { status: response.status, headers: response.headers, answer: (await response.json()) as SendAnswer }
    },
    delivered(id, orHeld) {
      return until(`the end of delivery ${id}`, async () => {
        // The daemon is of this source.
        const report = (await api(`/api/deliveries/${encodeURIComponent(id)}`)) as DeliveryReport
        return (report.finishedAt !== undefined || report.state === orHeld) && report
      })
    },
    async restart(changed) {
      await app.stop()
      app = await start(changed)
    },
    reconfigure,
    async close() {
      tenant.close()
      await app.stop()
      await gateway.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Resolves when the daemon's admin link is in this state. */
export async function untilAdmin(daemon: Pick<TestDaemon, 'api'>, state: LinkStatus['state'] = 'up'): Promise<void> {
  await until(`the admin link to be ${state}`, async () => {
    const { components } = (await daemon.api('/api/status')) as { components: { admin: LinkStatus } }
    return components.admin.state === state
  })
}
