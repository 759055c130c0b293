import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

/** A small forward proxy: CONNECT for https, absolute URLs for http, both with user and password. */
export interface ForwardProxy {
  /** With the credentials inside. */
  readonly url: string
  /** As `CONNECT host:port` or `POST http://host/path`, in order; the query is cut off. */
  readonly passed: readonly string[]
  /** Answered with 407. */
  readonly turnedAway: readonly string[]
  /** Whether a connection with this local port is one of its own to others. */
  opened(port: number): boolean
  close(): void
}

/** `user` and `password` may hold any characters; `accept` false makes it refuse whoever comes. */
export async function openForwardProxy(user: string, password: string, accept = true): Promise<ForwardProxy> {
  const passed: string[] = []
  const turnedAway: string[] = []
  const sockets = new Set<Socket>()
  const ports = new Set<number | undefined>()
  const keepPort = (onward: Socket) => void ports.add(onward.localPort)
  const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const admits = (request: IncomingMessage): boolean => {
    const line = `${request.method} ${request.url?.split('?')[0]}`
    const isAdmitted = accept && request.headers['proxy-authorization'] === wanted
    ;(isAdmitted ? passed : turnedAway).push(line)
    return isAdmitted
  }
  const server = createServer((request, response) => {
    if (admits(request)) pass(request, response, keepPort)
    else response.writeHead(407).end()
  })
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    if (admits(request)) tunnel(request.url ?? '', client, keepPort)
    else client.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n')
  })
  server.on('connection', socket => void sockets.add(socket))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  return {
    url: `http://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}`,
    passed,
    turnedAway,
    opened: port => ports.has(port),
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

type OnConnect = (onward: Socket) => void

function pass(request: IncomingMessage, response: ServerResponse, onConnect: OnConnect): void {
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !name.startsWith('proxy-')))
  // A connection of its own: its port is known before the other side hears of the request.
  const onward = send(request.url ?? '', { method: request.method, headers, agent: false }, answer => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  onward.on('socket', socket => socket.once('connect', () => onConnect(socket)))
  onward.on('error', () => response.writeHead(502).end())
  request.pipe(onward)
}

function tunnel(authority: string, client: Socket, onConnect: OnConnect): void {
  const [host = '', port = ''] = authority.split(':')
  const onward = connect(Number(port), host, () => {
    onConnect(onward)
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    onward.pipe(client)
    client.pipe(onward)
  })
  onward.on('error', () => client.destroy())
  client.on('error', () => onward.destroy())
}
