import type { ServerWebSocket } from 'bun'
import type { World } from '../world.ts'
import { isObject, parseObject } from './json.ts'
import type { Conversation, FromPage, Item, Person, ToPage, WireRow } from './page/events.ts'
import page from './page/index.html'
import type { Tenant, TenantEvent } from './tenant.ts'
import type { Bubble } from './tenant-bubble.ts'
import type { LedgerEntry } from './tenant-ledger.ts'
import type { ResponsePost } from './tenant-response.ts'
import type { Exchange } from './tenant-wire.ts'

export interface PageOptions {
  readonly port: number
  readonly botName: string
  readonly callbackUrl: string
  /** Messages that a newcomer may send with one click. */
  readonly hints: readonly string[]
}

const people: readonly Person[] = [
  { userid: 'zhangsan', name: '张三' },
  { userid: 'lisi', name: '李四' },
]

const groupId = 'wrPlayground01'

const conversations: readonly Conversation[] = [
  ...people.map(({ userid, name }) => ({ id: userid, kind: 'single', name, members: [userid] }) as const),
  { id: groupId, kind: 'group', name: '项目群', members: people.map(person => person.userid) },
]

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

/** Serves the page that plays the WeCom client, on loopback and to loopback pages only. */
export function servePage(world: World, tenant: Tenant, options: PageOptions): { url: string; close(): Promise<void> } {
  // Bun serves a bundled page without asking anyone; under this name it is fetched and passed on with our headers.
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
      if (pathname !== '/') return new Response('', { status: 404 })
      const html = await world.fetch(new URL(bundle, self.url).href)
      return new Response(html.body, { headers: pageHeaders })
    },
    websocket: {
      maxPayloadLength: 65_536,
      open: socket => greet(socket, tenant, options),
      message: (_, text) => obey(tenant, options, String(text)),
      close: () => {},
    },
  })
  const stopListening = tenant.on(event => {
    for (const message of describeEvent(event, tenant)) server.publish('live', JSON.stringify(message))
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

/** A page of another origin, or one that a DNS trick brought here, gets nothing. */
function isLoopback(request: Request): boolean {
  const origin = request.headers.get('origin')
  const hosts = [`http://${request.headers.get('host') ?? ''}`, ...(origin === null ? [] : [origin])]
  return hosts.every(host => URL.canParse(host) && ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(host).hostname))
}

function greet(socket: ServerWebSocket<unknown>, tenant: Tenant, options: PageOptions): void {
  const { botName, callbackUrl, hints } = options
  const say = (message: ToPage) => socket.send(JSON.stringify(message))
  say({ kind: 'hello', botName, callbackUrl, people, conversations, hints })
  const items = [
    ...tenant.bubbles.flatMap(bubble => describeBubble(bubble)),
    ...tenant.ledger.entries.flatMap(entry => describeEntry(entry, tenant)),
  ]
  for (const item of items.toSorted((one, other) => one.at - other.at)) say({ kind: 'item', item })
  socket.subscribe('live')
}

function obey(tenant: Tenant, { botName }: PageOptions, text: string): void {
  const message = parseMessage(text)
  const conversation = conversations.find(({ id }) => id === message?.conversation)
  if (!message || !conversation) return
  if (message.kind === 'enter') return void tenant.enterChat(conversation.id)
  const { userid } = message
  if (!conversation.members.includes(userid)) return
  if (conversation.kind === 'single') return void tenant.say({ userid, text: message.text })
  const mention = `@${botName}`
  const said = message.text.includes(mention) ? message.text : `${mention} ${message.text}`
  tenant.say({ userid, chatid: conversation.id, text: said })
}

function parseMessage(text: string): FromPage | undefined {
  const { kind, conversation, userid, text: words } = parseObject(text) ?? {}
  if (typeof conversation !== 'string') return undefined
  if (kind === 'enter') return { kind, conversation }
  if (kind !== 'say' || typeof userid !== 'string' || typeof words !== 'string') return undefined
  return { kind, conversation, userid, text: words }
}

function describeEvent(event: TenantEvent, tenant: Tenant): ToPage[] {
  if (event.kind === 'exchange') return [{ kind: 'wire', row: describeExchange(event.exchange) }]
  if (event.kind === 'response') return [{ kind: 'wire', row: describePost(event.post) }]
  if (event.kind === 'api' || event.kind === 'app') return []
  const items = event.kind === 'bubble' ? describeBubble(event.bubble) : describeEntry(event.entry, tenant)
  return items.map(item => ({ kind: 'item', item }))
}

function describeExchange({ at, kind, msgid, ms, raw, status, reply }: Exchange): WireRow {
  return { at, kind, id: msgid, ms, bytes: raw.length, status, complaints: reply.violations.length }
}

function describePost({ at, url, body, errcode }: ResponsePost): WireRow {
  const id = new URL(url).searchParams.get('response_code') ?? ''
  const complaints = errcode === 0 ? 0 : 1
  return { at, kind: 'response', id, bytes: Buffer.byteLength(body), status: 200, complaints }
}

function describeBubble(bubble: Bubble): Item[] {
  const { msgid, state, frames } = bubble
  const conversation = bubble.place.chatid ?? bubble.place.userid
  const { userid } = bubble.place
  const user: Item = {
    kind: 'user',
    key: `u:${msgid}`,
    conversation,
    at: bubble.sentAt,
    userid,
    text: textOf(bubble),
    state,
  }
  const first = frames.at(0)
  const last = frames.at(-1)
  if (!first || !last) return [user]
  const at = last.finish ? last.at : first.at
  return [
    user,
    { kind: 'bot', key: `b:${msgid}`, conversation, at, content: last.content, state, frames: frames.length },
  ]
}

function describeEntry(entry: LedgerEntry, tenant: Tenant): Item[] {
  const { kind, at, msgid, text, userid, chatid } = entry
  if (kind !== 'markdown' && kind !== 'card' && kind !== 'welcome') return []
  const quoted = tenant.bubbles.find(bubble => bubble.msgid === msgid)
  const quote = quoted ? textOf(quoted) : ''
  return [{ kind: 'note', key: `n:${kind}:${msgid}`, conversation: chatid ?? userid, at, label: kind, quote, text }]
}

function textOf({ callback }: Bubble): string {
  const text = callback['text']
  return isObject(text) && typeof text['content'] === 'string' ? text['content'] : `[${callback.msgtype}]`
}
