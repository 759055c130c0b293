import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type App, startApp } from '../../src/app.ts'
import { parseConfig } from '../../src/config/config.ts'
import { createEchoGateway, type EchoGateway, type EchoOptions } from '../../src/playground/echo-gateway.ts'
import { createTenant, type Tenant, type TenantOptions } from '../../src/playground/tenant.ts'
import { createLog, realClock, realWorld, type World } from '../../src/world.ts'

export const botToken = 'wecomdBotToken01'
export const botKey = 'AQeSyMsD23gA5M0ejnFAHT5uq4M0N2p7a2ixgXrPwIY'
const gatewayToken = 'scenario-token-0123456789'

export interface HouseOptions {
  readonly tenant?: Partial<TenantOptions>
  readonly gateway?: Partial<EchoOptions>
  /** Where the gateway is, when it is not the echo gateway. */
  readonly gatewayUrl?: { url: string; token: string }
  /** Merged over the config's `channels.wecom.bot`. */
  readonly bot?: object
  /** Merged over the config. */
  readonly config?: object
  readonly runTimeoutMs?: number
}

/** A whole daemon with a tenant before it and a gateway behind it, all over TCP, in a temp folder. */
export interface House {
  readonly app: App
  readonly tenant: Tenant
  readonly gateway: EchoGateway
  readonly folder: string
  readonly log: readonly string[]
  api(path: string): Promise<unknown>
  /** Stops the daemon and starts it again on the same state and port. */
  restart(): Promise<void>
  close(): Promise<void>
}

export function quietWorld(lines: string[] = []): World {
  return realWorld(createLog(line => void lines.push(line), realClock.now, { level: 'debug', format: 'json' }))
}

/** The config text of a scenario's daemon. */
export function configText(
  options: HouseOptions,
  at: { port: number; apiBaseUrl: string; gateway: { url: string; token: string } },
): string {
  return JSON.stringify({
    channels: {
      wecom: {
        bot: { token: botToken, encodingAESKey: botKey, ...options.bot },
        network: { apiBaseUrl: at.apiBaseUrl },
      },
    },
    server: { host: '127.0.0.1', port: at.port },
    admin: { port: 0, token: 'admin-token' },
    gateway: { ...at.gateway, ...(options.runTimeoutMs !== undefined && { runTimeoutMs: options.runTimeoutMs }) },
    ...options.config,
  })
}

export function freePort(): number {
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const { port } = probe
  probe.stop(true)
  return port
}

export async function openHouse(options: HouseOptions = {}): Promise<House> {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-house-'))
  const log: string[] = []
  const world = quietWorld(log)
  const port = freePort()
  const gateway = createEchoGateway(world, { token: gatewayToken, ...options.gateway })
  const tenant = await createTenant(world, {
    callbackUrl: `http://127.0.0.1:${port}/wecom/bot`,
    token: botToken,
    encodingAESKey: botKey,
    refreshMs: 50,
    strict: false,
    ...options.tenant,
  })
  const text = configText(options, {
    port,
    apiBaseUrl: tenant.apiBaseUrl,
    gateway: options.gatewayUrl ?? { url: gateway.url, token: gatewayToken },
  })
  const { config, complaints } = parseConfig(text, { file: join(folder, 'wecomd.json5'), env: {}, readFile: () => '' })
  if (config === undefined) throw new Error(JSON.stringify(complaints))
  writeFileSync(join(folder, 'wecomd.json5'), text, { mode: 0o600 })
  const start = () => startApp({ config, stateDir: join(folder, 'state'), version: 'test' }, world)
  let app = await start()
  return {
    get app() {
      return app
    },
    tenant,
    gateway,
    folder,
    log,
    async api(path) {
      const response = await fetch(`${app.privateUrl}${path}`, { headers: { authorization: 'Bearer admin-token' } })
      return response.json()
    },
    async restart() {
      await app.stop()
      app = await start()
    },
    async close() {
      tenant.close()
      await app.stop()
      await gateway.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
