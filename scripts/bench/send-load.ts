import { keepAsking } from './connections.ts'
import { bench } from './servers.ts'

// A child of its own, so that it has a core of its own: URL, connections, seconds, target in; one line of JSON out.
const [url = '', connections = '1', seconds = '1', target = 'user'] = process.argv.slice(2)
const { pathname } = new URL(url)
const filler = '这一段用来把消息填到常见的大小。'.repeat(7)
const until = { seconds: Number(seconds), requests: Infinity }
let sent = 0

/** A text of about 350 bytes, each to another member, or each to the same department. */
function nextRequest(): string {
  const count = ++sent
  const to = target === 'user' ? `user:member${process.pid}-${count}` : 'party:1'
  const body = JSON.stringify({ to, text: `第 ${process.pid}-${count} 条：${filler}` })
  const length = Buffer.byteLength(body)
  return `POST ${pathname} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${bench.adminToken}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`
}

console.log(JSON.stringify(await keepAsking(url, Number(connections), until, nextRequest, 202)))
