import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock, Random } from '../world.ts'
import { isObject, parseObject } from './json.ts'
import { type Ledger, type Place, placeOf } from './tenant-ledger.ts'

/** What goes wrong with one request to a response_url, before or after the platform has taken the message. */
export interface ResponseFault {
  readonly when: 'before' | 'after'
  /** `reset` cuts the connection, `hang` never answers, a number is an HTTP status. */
  readonly how: 'reset' | 'hang' | number
  readonly delayMs?: number
}

/** A request that came to a response_url, as soon as the platform has decided on it. */
export interface ResponsePost {
  readonly at: number
  readonly url: string
  readonly body: string
  /** undefined: a fault kept the platform from looking at it. */
  readonly errcode?: number
}

interface Issued {
  readonly url: string
  readonly place: Place
  readonly msgid: string
  readonly expiresAt: number
  spent: boolean
}

interface Verdict {
  readonly errcode: number
  readonly text: string
}

const path = '/cgi-bin/aibot/response'
const lifeMs = 3_600_000
const markdownBytes = 20_480

/** The platform documents no code for a used, expired or unknown response_code; callers may only see that it is not 0. */
const spentErrcode = 846_699

/**
 * The HTTP side of the platform: response_urls with one use, one hour, markdown, and cards in single chats only.
 * Uses node:http because a fault must be able to cut the socket.
 */
export class ResponseUrls {
  readonly posts: ResponsePost[] = []
  private readonly issued = new Map<string, Issued>()
  private readonly faults: { url: string | undefined; fault: ResponseFault }[] = []
  private readonly server: Server
  private origin = ''

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly ledger: Ledger,
    private readonly onPost: (post: ResponsePost) => void,
  ) {
    this.server = createServer((request, response) => this.receive(request, response))
  }

  async listen(): Promise<string> {
    await new Promise<void>(resolve => this.server.listen(0, '127.0.0.1', resolve))
    // listen() on a host and port makes the address an object.
    this.origin = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
    return this.origin
  }

  close(): void {
    this.server.close()
    this.server.closeAllConnections()
  }

  issue(place: Place, msgid: string): string {
    const code = Buffer.from(this.random.bytes(24)).toString('base64url')
    const url = `${this.origin}${path}?response_code=${code}`
    this.issued.set(code, { url, place, msgid, expiresAt: this.clock.now() + lifeMs, spent: false })
    return url
  }

  /** Lets the next request to `url` (or to any) go wrong. Faults wait in line. */
  fail(fault: ResponseFault, url?: string): void {
    this.faults.push({ url, fault })
  }

  private receive(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => void this.handle(request, response, Buffer.concat(chunks).toString()))
  }

  private async handle(request: IncomingMessage, response: ServerResponse, body: string): Promise<void> {
    const url = new URL(request.url ?? '/', this.origin)
    if (request.method !== 'POST' || url.pathname !== path) return void response.writeHead(404).end()
    const index = this.faults.findIndex(waiting => waiting.url === undefined || waiting.url === url.href)
    const fault = index < 0 ? undefined : this.faults.splice(index, 1)[0]?.fault
    if (fault?.when === 'before') {
      this.keep({ at: this.clock.now(), url: url.href, body })
      if (!(await this.goWrong(fault, response))) return
    }
    const verdict = this.judge(this.issued.get(url.searchParams.get('response_code') ?? ''), body)
    this.keep({ at: this.clock.now(), url: url.href, body, errcode: verdict.errcode })
    if (fault?.when === 'after' && !(await this.goWrong(fault, response))) return
    const errmsg = verdict.errcode === 0 ? 'ok' : formatErrmsg(verdict, this.random)
    response.writeHead(200, { 'content-type': 'application/json; charset=UTF-8' })
    response.end(JSON.stringify({ errcode: verdict.errcode, errmsg }))
  }

  /** True when the request goes on after all: a fault may be a delay and nothing else. */
  private async goWrong({ how, delayMs = 0 }: ResponseFault, response: ServerResponse): Promise<boolean> {
    if (delayMs > 0) {
      await new Promise<void>(resolve => void this.clock.alarm(this.clock.now() + delayMs, resolve))
    }
    if (how === 200) return true
    if (how === 'reset') response.socket?.destroy()
    else if (how !== 'hang') response.writeHead(how).end()
    return false
  }

  private judge(issued: Issued | undefined, body: string): Verdict {
    const message = parseObject(body)
    if (!message) return { errcode: 47_001, text: 'Warning: wrong json format. data format error' }
    if (!issued) return { errcode: spentErrcode, text: 'invalid response_code' }
    if (issued.spent) return { errcode: spentErrcode, text: 'response_code has been used' }
    if (this.clock.now() >= issued.expiresAt) return { errcode: spentErrcode, text: 'response_code expired' }
    const isCard = message['msgtype'] === 'template_card'
    if (isCard && issued.place.chatid !== undefined)
      return { errcode: 40_058, text: 'template_card not allowed in group' }
    if (!isCard && message['msgtype'] !== 'markdown') return { errcode: 40_008, text: 'invalid message type' }
    const content = isCard ? JSON.stringify(message['template_card'] ?? '') : contentOf(message['markdown'])
    if (content === '' || content === '""') return { errcode: 44_004, text: 'empty content' }
    if (!isCard && Buffer.byteLength(content) > markdownBytes)
      return { errcode: 45_002, text: 'content size out of limit' }
    issued.spent = true
    const { place, msgid } = issued
    this.ledger.add({
      at: this.clock.now(),
      kind: isCard ? 'card' : 'markdown',
      ...placeOf(place),
      msgid,
      text: content,
    })
    return { errcode: 0, text: 'ok' }
  }

  private keep(post: ResponsePost): void {
    this.posts.push(post)
    this.onPost(post)
  }
}

/** The platform's errors end in a hint, the caller's address and a link; callers must not read them. */
function formatErrmsg({ errcode, text }: Verdict, random: Random): string {
  const hint = [...random.bytes(24)].map(byte => byte % 10).join('')
  const link = `https://open.work.weixin.qq.com/devtool/query?e=${errcode}`
  return `${text}, hint: [${hint}], from ip: 127.0.0.1, more info at ${link}`
}

function contentOf(markdown: unknown): string {
  const content = isObject(markdown) ? markdown['content'] : undefined
  return typeof content === 'string' ? content : ''
}
