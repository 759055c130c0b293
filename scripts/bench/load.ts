import { decodeKey, sealEnvelope } from '../../src/crypto/envelope.ts'
import { sign } from '../../src/crypto/signature.ts'
import { keepAsking } from './connections.ts'
import { bench } from './servers.ts'

// A child of its own, so that it has a core of its own: URL, connections, seconds in; one line of JSON out.
const [url = '', connections = '1', seconds = '1'] = process.argv.slice(2)
const { pathname } = new URL(url)
const key = decodeKey(bench.encodingAESKey)
const filler = '这一段用来把消息填到常见的大小。'.repeat(7)
const run = Math.random().toString(36).slice(2)
let sent = 0

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

console.log(JSON.stringify(await keepAsking(url, Number(connections), Number(seconds), nextRequest, 200)))
