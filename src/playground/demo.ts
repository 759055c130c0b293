import type { World } from '../world.ts'
import { people } from './page-client.ts'
import { type ServerOptions, servePage } from './page-server.ts'
import { createTenant, type Tenant } from './tenant/tenant.ts'
import type { TenantApp } from './tenant/api/corp.ts'
import type { TenantRobot } from './tenant/api/robots.ts'

export interface PlaygroundOptions {
  /** The daemon's callback URL for the Bot. */
  readonly callbackUrl: string
  readonly token: string
  readonly encodingAESKey: string
  /** Port of the page; 0 picks a free port. */
  readonly port: number
  readonly botName?: string
  /** How long a bubble is polled; 6 minutes on WeCom. */
  readonly windowMs?: number
  /** Sample messages that a click sends. */
  readonly hints?: readonly string[]
  /** The self-built app, visible to every member. */
  readonly app?: TenantApp & { readonly callbackUrl: string; readonly hints: readonly string[] }
  /** The webhook robots of the group. */
  readonly robots?: readonly TenantRobot[]
}

export interface Playground {
  readonly url: string
  readonly tenant: Tenant
  close(): Promise<void>
}

/** A short polling window, so that the demo shows how a slow answer moves to a separate message. */
export const shortWindow = { windowMs: 60_000, handoverMs: 30_000 }

/** Who may use commands. Nobody else may, so that the page shows both. */
export const commandUsers = people.slice(0, 1).map(({ userid }) => userid)

/** Sample messages for the Bot that show what the echo agent can do. They assume `shortWindow`. */
export const echoHints = [
  '你好，介绍一下自己',
  '[long 60 80] 慢慢说',
  '[tool] 查一下现在几点',
  '给我一张图片和一份文件',
  '[slow 40000] 想 40 秒：气泡超时，改由应用发送',
  '[big 30000] 回答超过气泡的长度上限',
  '[fail] 出个错',
  '/status',
]

/** Sample messages for the app, which has no bubbles. */
export const appEchoHints = [
  '你好',
  '[big 5000] 分几条发送',
  '给我一张图片和一份文件',
  '[big 30000] 太长，以文件发送',
  '[slow 8000] 想久一点',
  '[fail] 出个错',
]

/** Creates a simulated WeCom tenant and the page that acts as its client. */
export async function createPlayground(world: World, options: PlaygroundOptions): Promise<Playground> {
  const { callbackUrl, port, botName = '助手', hints = [], app } = options
  const members = people.map(person => person.userid)
  const tenant = await createTenant(world, {
    ...options,
    botName,
    members,
    parties: { '1': members },
    tags: [{ tagid: 1, tagname: 'Ops', members: members.slice(0, 1) }],
    ...(app && { apps: [app] }),
  })
  const pageApp = app && { app: { name: botName, callbackUrl: app.callbackUrl, hints: app.hints } }
  const page = openPage(world, tenant, { port, botName, callbackUrl, hints, ...pageApp })
  return {
    url: page.url,
    tenant,
    async close() {
      tenant.close()
      await page.close()
    },
  }
}

function openPage(world: World, tenant: Tenant, options: ServerOptions): ReturnType<typeof servePage> {
  try {
    return servePage(world, tenant, options)
  } catch (error) {
    tenant.close() // for example if the port is in use: the tenant must not keep running
    throw error
  }
}
