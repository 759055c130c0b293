// What a plugin inside a gateway does with a callback, as small as it can be: nothing is kept but a Map.

import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { decrypt, encrypt, getSignature } from '@wecom/crypto'

const { PORT, BENCH_TOKEN: token, BENCH_KEY: key } = process.env
const streams = new Map()

createServer((request, response) => {
  const { searchParams } = new URL(request.url, 'http://localhost')
  const chunks = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', () => {
    if (request.method === 'GET') {
      response.end('peer')
      return
    }
    const nonce = searchParams.get('nonce')
    const envelope = JSON.parse(Buffer.concat(chunks).toString())
    if (
      getSignature(token, searchParams.get('timestamp'), nonce, envelope.encrypt) !== searchParams.get('msg_signature')
    ) {
      response.writeHead(401).end()
      return
    }
    const message = JSON.parse(decrypt(key, envelope.encrypt).message)
    const id = streams.get(message.msgid) ?? randomUUID()
    streams.set(message.msgid, id)
    const reply = encrypt(
      key,
      JSON.stringify({ msgtype: 'stream', stream: { id, finish: false, content: '<think></think>' } }),
      '',
    )
    const timestamp = Math.floor(Date.now() / 1000)
    const body = JSON.stringify({
      encrypt: reply,
      msgsignature: getSignature(token, timestamp, nonce, reply),
      timestamp,
      nonce,
    })
    response.writeHead(200, { 'content-type': 'application/json' }).end(body)
  })
}).listen(Number(PORT), '127.0.0.1')
