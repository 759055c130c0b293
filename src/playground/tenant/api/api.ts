import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock, Random } from '../../../world.ts'
import { type TenantAnswer, formatVerdict, isVerdict, refuse, type Served } from '../answer.ts'
import { type ApiFault, Faults } from '../fault.ts'

/** A request as it came. */
export interface TenantApiCall {
  readonly at: number
  readonly method: string
  readonly url: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly remotePort: number
  readonly callerIp: string
}

/** A request and what the platform decided. `errcode` is absent when a fault kept it from looking, or bytes were served. */
export interface ApiRequest extends TenantApiCall {
  readonly agentId?: number
  readonly errcode?: number
}

/** `agentId` is the app whose token was used. */
export type Handler = (call: TenantApiCall) => { readonly answer: TenantAnswer; readonly agentId?: number }

/** How slow a slow answer is: the rest of it in so many pieces, each after so long. */
const slowSteps = 4
const slowMs = 50

export interface TenantApiDeps {
  readonly clock: Clock
  readonly random: Random
  /** The public address of whoever comes without X-Forwarded-For. */
  readonly callerIp: string
  readonly onRequest: (request: ApiRequest) => void
}

/**
 * The API origin of the platform: routes, faults and addresses. Every verdict is HTTP 200. Uses node:http because a
 * fault must be able to cut the socket.
 */
export class TenantApi {
  /** Everything that came to a route, in order, as soon as the platform has decided on it. */
  readonly requests: ApiRequest[] = []
  origin = ''
  private readonly routes = new Map<string, Handler>()
  private readonly faults = new Faults()
  private readonly server: Server
  private trusted: ReadonlySet<string> | undefined
  private accepts: (remotePort: number) => boolean = () => true

  constructor(private readonly deps: TenantApiDeps) {
    this.server = createServer((request, response) => this.receive(request, response))
  }

  async listen(): Promise<void> {
    await new Promise<void>(resolve => this.server.listen(0, '127.0.0.1', resolve))
    // listen() on a host and port makes the address an object.
    this.origin = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  close(): void {
    this.server.close()
    this.server.closeAllConnections()
  }

  route(method: 'GET' | 'POST', path: string, handler: Handler): void {
    this.routes.set(`${method} ${path}`, handler)
  }

  /** How many requests came to a path. */
  count(path: string): number {
    return this.requests.filter(request => request.path === path).length
  }

  /** Lets the next request to `where` (a path, a whole URL, or any) go wrong. Faults wait in line. */
  fail(fault: ApiFault, where?: string): void {
    this.faults.add(fault, where)
  }

  /** Answers the next requests to a path with an errcode, and nothing else happens. */
  failWith(path: string, errcode: number, times = 1): void {
    this.faults.addErrcode(path, errcode, times)
  }

  /** From now on other addresses get 60020 from what needs an access_token; undefined trusts everyone. */
  trustOnly(ips: readonly string[] | undefined): void {
    this.trusted = ips && new Set(ips)
  }

  isTrusted(ip: string): boolean {
    return this.trusted?.has(ip) ?? true
  }

  /**
   * From now on only requests over TCP connections from these ports are heard, the others are cut without an answer.
   * A forward proxy of a test names the ports of its own connections here. undefined hears everyone.
   */
  acceptOnly(accepts: ((remotePort: number) => boolean) | undefined): void {
    this.accepts = accepts ?? (() => true)
  }

  private receive(request: IncomingMessage, response: ServerResponse): void {
    // Judged at the request, since a proxy learns its own port only after we may have seen the connection.
    if (!this.accepts(request.socket.remotePort ?? 0)) return void request.socket.destroy()
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => void this.handle(this.readCall(request, Buffer.concat(chunks)), response))
  }

  private readCall(request: IncomingMessage, body: Buffer): TenantApiCall {
    const url = new URL(request.url ?? '/', this.origin)
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    return {
      at: this.deps.clock.now(),
      method: request.method ?? '',
      url: url.href,
      path: url.pathname,
      query: url.searchParams,
      headers,
      body,
      remotePort: request.socket.remotePort ?? 0,
      callerIp: headers['x-forwarded-for'] ?? this.deps.callerIp,
    }
  }

  private async handle(call: TenantApiCall, response: ServerResponse): Promise<void> {
    const handler = this.routes.get(`${call.method} ${call.path}`)
    if (!handler) return void response.writeHead(404).end()
    const fault = this.faults.takeFault(call.url, call.path)
    if (fault?.when === 'before') {
      if (fault.how !== 200) this.keep(call)
      if (!(await this.goWrong(fault, response))) return
    }
    const errcode = this.faults.takeErrcode(call.path)
    const { answer, agentId } = errcode === undefined ? handler(call) : { answer: refuse(errcode, 'made to fail') }
    this.keep({
      ...call,
      ...(agentId === undefined ? {} : { agentId }),
      ...(isVerdict(answer) ? { errcode: answer.errcode } : {}),
    })
    if (fault?.when === 'after' && !(await this.goWrong(fault, response))) return
    this.write(answer, call.callerIp, response)
  }

  /** True when the request goes on after all. */
  private async goWrong({ how, delayMs = 0 }: ApiFault, response: ServerResponse): Promise<boolean> {
    if (delayMs > 0) await this.pause(delayMs)
    if (how === 200) return true
    if (how === 'reset') response.socket?.destroy()
    else if (how !== 'hang') response.writeHead(how).end()
    return false
  }

  private write(answer: TenantAnswer, callerIp: string, response: ServerResponse): void {
    if (!isVerdict(answer)) return void this.serve(answer, response)
    response.writeHead(200, { 'content-type': 'application/json; charset=UTF-8' })
    response.end(formatVerdict(answer, callerIp, this.deps.random))
  }

  private async serve({ status, headers, bytes, flaw }: Served, response: ServerResponse): Promise<void> {
    if (flaw === undefined) return void response.writeHead(status, headers).end(bytes)
    response.writeHead(status, { 'content-length': bytes.length, ...headers })
    const half = Math.floor(bytes.length / 2)
    response.write(bytes.subarray(0, half))
    if (flaw === 'hang') return
    await this.pause(slowMs)
    if (flaw === 'reset') return void response.socket?.destroy()
    const step = Math.ceil((bytes.length - half) / slowSteps)
    for (let at = half; at < bytes.length; at += step) {
      response.write(bytes.subarray(at, at + step))
      await this.pause(slowMs)
    }
    response.end()
  }

  private async pause(ms: number): Promise<void> {
    const { clock } = this.deps
    await new Promise<void>(resolve => void clock.alarm(clock.now() + ms, resolve))
  }

  private keep(request: ApiRequest): void {
    this.requests.push(request)
    this.deps.onRequest(request)
  }
}
