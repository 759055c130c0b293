import type { ServerWebSocket } from 'bun'
import type { World } from '../world.ts'
import type { ToPage } from './page/events.ts'
import page from './page/index.html'
import { PageClient, type PageOptions } from './page-client.ts'
import { filePath } from './page-items.ts'
import type { Tenant } from './tenant/tenant.ts'
import { isPicture } from './tenant/api/upload.ts'

export interface ServerOptions extends PageOptions {
  /** 0 picks a free port. */
  readonly port: number
}

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Serves the page that acts as the WeCom client, on loopback and to loopback origins only. */
export function servePage(
  world: World,
  tenant: Tenant,
  options: ServerOptions,
): { url: string; close(): Promise<void> } {
  const tell = (message: ToPage) => void server.publish('live', JSON.stringify(message))
  const client = new PageClient(world, tenant, options, tell)
  // Bun serves a bundled page without calling `fetch`. So it gets a secret path, and `/` proxies it with our headers.
  const bundle = `/${Buffer.from(world.random.bytes(16)).toString('hex')}`
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: options.port,
    reusePort: false,
    development: false,
    routes: { [bundle]: page },
    fetch: async (request, self) => {
      if (!isLoopback(request)) return new Response('', { status: 403 })
      const { pathname } = new URL(request.url)
      if (pathname === '/live') return self.upgrade(request) ? undefined : new Response('', { status: 426 })
      if (pathname.startsWith(filePath)) return serveFile(tenant, pathname.slice(filePath.length))
      if (pathname !== '/') return new Response('', { status: 404 })
      const html = await world.fetch(new URL(bundle, self.url).href)
      return new Response(html.body, { headers: pageHeaders })
    },
    websocket: {
      maxPayloadLength: 65_536,
      open: socket => greet(socket, client.greeting()),
      message: (_, text) => client.handle(String(text)),
      close: () => {},
    },
  })
  const stopListening = tenant.on(event => {
    for (const message of client.describe(event)) tell(message)
  })
  return {
    url: `http://127.0.0.1:${server.port}/`,
    async close() {
      stopListening()
      await server.stop(true)
    },
  }
}

const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': policy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}

/** False for requests from pages of other origins, and for DNS rebinding. */
function isLoopback(request: Request): boolean {
  const origin = request.headers.get('origin')
  const hosts = [`http://${request.headers.get('host') ?? ''}`, ...(origin === null ? [] : [origin])]
  return hosts.every(host => URL.canParse(host) && ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(host).hostname))
}

/** Serves a file as a sandboxed download, so that its content never runs in the origin of the page. */
function serveFile(tenant: Tenant, sha256: string): Response {
  const file = tenant.media.uploads.find(upload => upload.sha256 === sha256)
  if (!file) return new Response('', { status: 404 })
  const picture = file.bytes[0] === 0x89 ? 'image/png' : 'image/jpeg'
  const headers = {
    'content-type': isPicture(file.bytes) ? picture : 'application/octet-stream',
    'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`,
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  }
  return new Response(new Uint8Array(file.bytes), { headers })
}

function greet(socket: ServerWebSocket<unknown>, messages: readonly ToPage[]): void {
  for (const message of messages) socket.send(JSON.stringify(message))
  socket.subscribe('live')
}
