import type { World } from '../world.ts'
import { type PageOptions, servePage } from './page-server.ts'
import { createTenant, type Tenant } from './tenant.ts'

export interface PlaygroundOptions {
  /** Where the daemon takes the Bot's callbacks. */
  readonly callbackUrl: string
  readonly token: string
  readonly encodingAESKey: string
  /** Of the page; 0 is any free one. */
  readonly port: number
  readonly botName?: string
  /** Messages offered at one click; by default those that show what the echo agent can do. */
  readonly hints?: readonly string[]
}

export interface Playground {
  readonly url: string
  readonly tenant: Tenant
  close(): Promise<void>
}

const echoHints = [
  '你好，介绍一下自己',
  '[long 60 80] 慢慢说',
  '[slow 8000] 想久一点',
  '[tool] 查一下现在几点',
  '[big 30000] 写长一点',
  '[fail] 出个错',
]

/** A simulated WeCom tenant, and the page that plays its client. */
export async function createPlayground(world: World, options: PlaygroundOptions): Promise<Playground> {
  const { callbackUrl, port, botName = '助手', hints = echoHints } = options
  const tenant = await createTenant(world, { ...options, botName })
  const page = openPage(world, tenant, { port, botName, callbackUrl, hints })
  return {
    url: page.url,
    tenant,
    async close() {
      tenant.close()
      await page.close()
    },
  }
}

function openPage(world: World, tenant: Tenant, options: PageOptions): ReturnType<typeof servePage> {
  try {
    return servePage(world, tenant, options)
  } catch (error) {
    tenant.close() // the port is taken: nothing of ours may stay behind
    throw error
  }
}
