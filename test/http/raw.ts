import { connect } from 'node:net'

export interface RawAnswer {
  readonly status: number
  /** By lowercase name. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** Sends raw bytes and reads until the server closes the connection, so the request needs `Connection: close`. */
export async function exchange(url: string, request: string | Buffer): Promise<RawAnswer> {
  const { hostname, port } = new URL(url)
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let text = ''
  const socket = connect(Number(port), hostname, () => void socket.write(request))
  socket.setTimeout(20_000, () => socket.destroy(new Error('the server did not close the connection')))
  socket.on('data', chunk => {
    text += chunk.toString('latin1')
  })
  socket.on('error', error => (text === '' ? reject(error) : resolve(text)))
  socket.on('close', () => resolve(text))
  return parse(await promise)
}

/** Formats a request line and headers. Append the body. */
export function head(line: string, headers: Readonly<Record<string, string>> = {}): string {
  const all = { Host: '127.0.0.1', Connection: 'close', ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${line} HTTP/1.1\r\n${lines.join('')}\r\n`
}

function parse(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n')
  const [status = '', ...lines] = text.slice(0, end).split('\r\n')
  const pairs = lines.map(line => /^([^:]+): ?(.*)$/.exec(line)).map(match => [match?.[1]?.toLowerCase(), match?.[2]])
  return {
    status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(status)?.[1]),
    headers: new Map(pairs as [string, string][]),
    body: text.slice(end + 4),
  }
}
