import { decodeKey, openEnvelope, sealEnvelope } from '../../src/crypto/envelope.ts'
import { sign } from '../../src/crypto/signature.ts'
import { bench } from './servers.ts'

const key = decodeKey(bench.encodingAESKey)
const filler = '这一段用来把消息填到常见的大小。'.repeat(7)
const run = Math.random().toString(36).slice(2)
let sent = 0

/** A new message of about 1.2 KB on the wire. Each is from another user, because messages of one user would be merged. */
export function nextMessage(text = filler): object {
  const count = ++sent
  return {
    msgid: `${run}-${count}`,
    aibotid: 'aibBENCH',
    chattype: 'single',
    from: { userid: `user${run}${count}` },
    response_url: `https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=${run}${count}`,
    msgtype: 'text',
    text: { content: `第 ${count} 条：${text}` },
  }
}

/** What WeCom sends to fetch the next frame of a stream. */
export function refreshOf(streamId: string): object {
  const count = ++sent
  return {
    msgid: `${run}-${count}`,
    aibotid: 'aibBENCH',
    chattype: 'single',
    from: { userid: `user${count}` },
    msgtype: 'stream',
    stream: { id: streamId },
  }
}

interface Sealed {
  readonly query: string
  readonly body: string
}

function sealCallback(payload: object): Sealed {
  const encrypt = sealEnvelope(key, JSON.stringify(payload), '', crypto.getRandomValues(new Uint8Array(16)))
  const timestamp = String(Math.floor(Date.now() / 1000))
  const nonce = `n${++sent}`
  const signature = sign(bench.token, timestamp, nonce, encrypt)
  const query = `msg_signature=${signature}&timestamp=${timestamp}&nonce=${nonce}`
  return { query, body: `{"encrypt":"${encrypt}"}` }
}

/** A callback as the bytes of one HTTP request. */
export function formatRequest(pathname: string, payload: object): string {
  const { query, body } = sealCallback(payload)
  return `POST ${pathname}?${query} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** Sends one callback and decrypts the stream frame of its reply. */
export async function askFrame(url: string, payload: object): Promise<{ id: string; finish: boolean }> {
  const { query, body } = sealCallback(payload)
  const response = await fetch(`${url}?${query}`, { method: 'POST', body })
  if (response.status !== 200) throw new Error(`the callback was answered ${response.status}`)
  const { encrypt } = (await response.json()) as { encrypt: string }
  return JSON.parse(openEnvelope(key, encrypt).message).stream
}
