import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock, Random } from '../../../world.ts'
import { type TenantAnswer, formatVerdict, isVerdict, refuse, type Served } from '../answer.ts'
import { type ApiFault, Faults } from '../fault.ts'

/** A request as received. */
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

/** A request and its result. `errcode` is absent if a fault came before processing, or if bytes were served. */
export interface ApiRequest extends TenantApiCall {
  readonly agentId?: number
  readonly errcode?: number
}

/** Handles one route. `agentId` is the app whose token was used. */
export type Handler = (call: TenantApiCall) => { readonly answer: TenantAnswer; readonly agentId?: number }

/** A slow answer sends its second half in this many pieces, with a pause before each. */
const slowSteps = 4
const slowMs = 50

export interface TenantApiDeps {
  readonly clock: Clock
  readonly random: Random
  /** The caller's address if the request has no X-Forwarded-For. */
  readonly callerIp: string
  readonly onRequest: (request: ApiRequest) => void
}

/**
 * The HTTP server of the simulated API, with routes, faults and trusted addresses. Uses node:http because a fault must be able to
 * destroy the socket.
 */
export class TenantApi {
  /** Every request to a known route, in order. A request is added as soon as its result is known. */
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

  /** The number of requests to a path. */
  count(path: string): number {
    return this.requests.filter(request => request.path === path).length
  }

  /** Makes the next request to `where` (a path, a whole URL, or any) fail. Several faults are used in order. */
  fail(fault: ApiFault, where?: string): void {
    this.faults.add(fault, where)
  }

  /** Answers the next requests to a path with an errcode, without any effect. */
  failWith(path: string, errcode: number, times = 1): void {
    this.faults.addErrcode(path, errcode, times)
  }

  /** From now on, other addresses get 60020 on routes that need an access_token; undefined trusts everyone. */
  trustOnly(ips: readonly string[] | undefined): void {
    this.trusted = ips && new Set(ips)
  }

  isTrusted(ip: string): boolean {
    return this.trusted?.has(ip) ?? true
  }

  /**
   * From now on, accepts only requests over TCP connections from these ports, and closes the others without an answer. A test
   * with a forward proxy passes the ports of the proxy's connections. undefined accepts every connection.
   */
  acceptOnly(accepts: ((remotePort: number) => boolean) | undefined): void {
    this.accepts = accepts ?? (() => true)
  }

  private receive(request: IncomingMessage, response: ServerResponse): void {
    // Checked per request, since a proxy learns its own port only after the connection may have arrived here.
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

  /** Plays a fault. True if the request should still be processed. */
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
