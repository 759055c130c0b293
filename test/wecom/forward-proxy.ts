import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

/** A small forward proxy with basic authentication: CONNECT for https, absolute URLs for http. */
export interface ForwardProxy {
  /** Includes the credentials. */
  readonly url: string
  /** `CONNECT host:port` or `POST http://host/path`, in order, without queries. */
  readonly passed: readonly string[]
  /** Requests answered with 407. */
  readonly refused: readonly string[]
  /** Whether the proxy opened the connection with this local port. */
  opened(port: number): boolean
  close(): void
}

/** `user` and `password` may contain any characters. With `accept` false every request is refused. */
export async function openForwardProxy(user: string, password: string, accept = true): Promise<ForwardProxy> {
  const passed: string[] = []
  const refused: string[] = []
  const sockets = new Set<Socket>()
  const ports = new Set<number | undefined>()
  const keepPort = (onward: Socket) => void ports.add(onward.localPort)
  const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const admits = (request: IncomingMessage): boolean => {
    const line = `${request.method} ${request.url?.split('?')[0]}`
    const isAdmitted = accept && request.headers['proxy-authorization'] === wanted
    ;(isAdmitted ? passed : refused).push(line)
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
    refused,
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
  // A new connection, so that its port is known before the server receives the request.
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
