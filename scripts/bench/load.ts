import { decodeKey, sealEnvelope } from '../../src/crypto/envelope.ts'
import { sign } from '../../src/crypto/signature.ts'
import { bench } from './servers.ts'

/** What one run of the load measured; times in milliseconds. */
export interface Load {
  readonly requests: number
  readonly failures: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

// A child of its own, so that it has a core of its own: URL, connections, seconds in; one line of JSON out.
const [url = '', connections = '1', seconds = '1'] = process.argv.slice(2)
const { hostname, port, pathname } = new URL(url)
const key = decodeKey(bench.encodingAESKey)
const filler = '这一段用来把消息填到常见的大小。'.repeat(7)
const run = Math.random().toString(36).slice(2)
const endsAt = performance.now() + Number(seconds) * 1000
const times: number[] = []
let sent = 0
let failures = 0

/** A distinct message of about 1.2 KB on the wire, each from another user: those of one user would be merged. */
function nextRequest(): string {
  const count = ++sent
  const message = JSON.stringify({
    msgid: `${run}-${count}`,
    aibotid: 'aibBENCH',
    chattype: 'single',
    from: { userid: `user${count}` },
    response_url: `https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=${run}${count}`,
    msgtype: 'text',
    text: { content: `第 ${count} 条：${filler}` },
  })
  const encrypt = sealEnvelope(key, message, '', crypto.getRandomValues(new Uint8Array(16)))
  const timestamp = String(Math.floor(Date.now() / 1000))
  const nonce = `n${count}`
  const signature = sign(bench.token, timestamp, nonce, encrypt)
  const body = `{"encrypt":"${encrypt}"}`
  const query = `msg_signature=${signature}&timestamp=${timestamp}&nonce=${nonce}`
  return `POST ${pathname}?${query} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** One connection that always has exactly one request under way. */
function connect(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let startedAt = 0
  let received = ''
  const next = (socket: Bun.Socket): void => {
    if (performance.now() >= endsAt) {
      socket.end()
      return resolve()
    }
    startedAt = performance.now()
    received = ''
    socket.write(nextRequest())
  }
  void Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open: next,
      data(socket, chunk) {
        received += chunk.toString('latin1')
        const head = received.indexOf('\r\n\r\n')
        if (head < 0) return
        const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0)
        if (received.length < head + 4 + length) return
        times.push(performance.now() - startedAt)
        if (!received.startsWith('HTTP/1.1 200')) failures++
        next(socket)
      },
      close: () => resolve(),
      error() {
        failures++
        resolve()
      },
    },
  })
  return promise
}

const startedAt = performance.now()
await Promise.all(Array.from({ length: Number(connections) }, connect))
const tookMs = performance.now() - startedAt
const sorted = Float64Array.from(times).toSorted()
const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
const load: Load = {
  requests: times.length,
  failures,
  perSecond: (times.length / tookMs) * 1000,
  p50: at(0.5),
  p99: at(0.99),
}
console.log(JSON.stringify(load))
