import type { World } from '../world.ts'
import { people } from './page-client.ts'
import { type ServerOptions, servePage } from './page-server.ts'
import { createTenant, type Tenant } from './tenant/tenant.ts'
import type { TenantApp } from './tenant/api/corp.ts'
import type { TenantRobot } from './tenant/api/robots.ts'

export interface PlaygroundOptions {
  /** Where the daemon takes the Bot's callbacks. */
  readonly callbackUrl: string
  readonly token: string
  readonly encodingAESKey: string
  /** Of the page; 0 is any free one. */
  readonly port: number
  readonly botName?: string
  /** How long a bubble is fetched; 6 minutes on the platform. */
  readonly windowMs?: number
  /** Messages offered at one click. */
  readonly hints?: readonly string[]
  /** The self-built app; everybody may see it. */
  readonly app?: TenantApp & { readonly callbackUrl: string; readonly hints: readonly string[] }
  /** Robots of the group. */
  readonly robots?: readonly TenantRobot[]
}

export interface Playground {
  readonly url: string
  readonly tenant: Tenant
  close(): Promise<void>
}

/** A bubble that does not live long, so that an answer is seen to come home another way. */
export const shortWindow = { windowMs: 60_000, handoverMs: 30_000 }

/** What shows what the echo agent can do, with the Bot whose bubbles live as long as `shortWindow`. */
export const echoHints = [
  '你好，介绍一下自己',
  '[long 60 80] 慢慢说',
  '[tool] 查一下现在几点',
  '给我一张图片和一份文件',
  '[slow 40000] 想 40 秒：气泡等不到，由应用送达',
  '[big 30000] 写得比气泡还长',
  '[fail] 出个错',
]

/** The same with the app, which has no bubbles. */
export const appEchoHints = [
  '你好',
  '[big 5000] 分几条说',
  '给我一张图片和一份文件',
  '[big 30000] 长到要用文件',
  '[slow 8000] 想久一点',
  '[fail] 出个错',
]

/** A simulated WeCom tenant, and the page that plays its client. */
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
    tenant.close() // the port is taken: nothing of ours may stay behind
    throw error
  }
}
