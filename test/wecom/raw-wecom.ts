import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** One received request. */
export interface Asked {
  readonly method: string
  /** The path without `/cgi-bin/`, such as `message/send`. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** Header names in lower case, in the order received. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
}

/** JSON with HTTP 200 (a Buffer is sent unchanged), an HTTP status, or no answer at all. */
export type Answered = object | number | 'hang' | 'reset'

/** A WeCom server over real HTTP, whose answers the test decides. */
export interface RawWecom {
  readonly origin: string
  readonly asked: readonly Asked[]
  on(path: string, answer: (asked: Asked) => Answered | Promise<Answered>): void
  of(path: string): readonly Asked[]
  close(): void
}

/** gettoken returns T1, T2, …; every other call returns `ok` with msgid m1, m2, … */
export async function openRawWecom(tls?: { key: string; cert: string }): Promise<RawWecom> {
  const asked: Asked[] = []
  const answers = new Map<string, (one: Asked) => Answered | Promise<Answered>>()
  const counts = new Map<string, number>()
  const count = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1).get(name)
  answers.set('gettoken', () => ({ errcode: 0, errmsg: 'ok', access_token: `T${count('token')}`, expires_in: 7200 }))
  const fallback = () => ({ errcode: 0, errmsg: 'ok', msgid: `m${count('msgid')}` })
  const listen = async (request: IncomingMessage, response: ServerResponse) => {
    const one = await read(request).catch(() => undefined)
    if (one === undefined) return // the caller disconnected in mid request
    asked.push(one)
    give(response, await (answers.get(one.path) ?? fallback)(one))
  }
  const onRequest = (request: IncomingMessage, response: ServerResponse) => void listen(request, response)
  const server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  return {
    origin: tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    asked,
    on: (path, answer) => void answers.set(path, answer),
    of: path => asked.filter(one => one.path === path),
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

async function read(request: IncomingMessage): Promise<Asked> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(Buffer.from(piece))
  const url = new URL(request.url ?? '', 'http://raw')
  const { rawHeaders } = request
  const headers = rawHeaders.flatMap((name, at) =>
    at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] ?? ''] as const] : [],
  )
  return {
    method: request.method ?? '',
    path: url.pathname.replace(/^\/cgi-bin\//, ''),
    query: Object.fromEntries(url.searchParams),
    headers,
    body: Buffer.concat(pieces),
  }
}

function give(response: ServerResponse, answer: Answered): void {
  if (answer === 'hang') return
  if (answer === 'reset') response.socket?.resetAndDestroy()
  else if (typeof answer === 'number') response.writeHead(answer).end()
  else response.end(Buffer.isBuffer(answer) ? answer : JSON.stringify(answer))
}
