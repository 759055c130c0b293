// The least a durable callback handler can do: verify, decrypt, one insert by one key, group commit with an fsync, encrypt.

import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { decodeKey, openEnvelope, sealEnvelope } from '../../src/crypto/envelope.ts'
import { sign, verifySignature } from '../../src/crypto/signature.ts'

const { PORT, BENCH_TOKEN: token = '', BENCH_KEY = '', BENCH_FOLDER = '' } = process.env
const key = decodeKey(BENCH_KEY)

const db = new Database(join(BENCH_FOLDER, 'durable.db'), { create: true })
for (const pragma of ['locking_mode = EXCLUSIVE', 'journal_mode = WAL', 'synchronous = FULL'])
  db.run(`PRAGMA ${pragma}`)
db.run('CREATE TABLE message (msgid TEXT PRIMARY KEY, body TEXT NOT NULL)')
const insert = db.prepare('INSERT OR IGNORE INTO message VALUES (?, ?)')
const begin = db.prepare('BEGIN IMMEDIATE')
const commit = db.prepare('COMMIT')

let waiting: { id: string; body: string; resolve: () => void }[] = []

function flush(): void {
  const batch = waiting
  waiting = []
  begin.run()
  for (const { id, body } of batch) insert.run(id, body)
  commit.run()
  for (const { resolve } of batch) resolve()
}

function store(id: string, body: string): Promise<void> {
  return new Promise(resolve => {
    if (waiting.push({ id, body, resolve }) === 1) setImmediate(flush)
  })
}

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(PORT),
  async fetch(request) {
    if (request.method === 'GET') return new Response('durable')
    const query = new URLSearchParams(request.url.slice(request.url.indexOf('?') + 1))
    const nonce = query.get('nonce') ?? ''
    const { encrypt } = (await request.json()) as { encrypt: string }
    if (!verifySignature(query.get('msg_signature') ?? '', token, query.get('timestamp') ?? '', nonce, encrypt)) {
      return new Response(null, { status: 401 })
    }
    const { message } = openEnvelope(key, encrypt)
    const { msgid } = JSON.parse(message)
    await store(msgid, message)
    const frame = { msgtype: 'stream', stream: { id: msgid, finish: false, content: '<think></think>' } }
    const reply = sealEnvelope(key, JSON.stringify(frame), '', crypto.getRandomValues(new Uint8Array(16)))
    const timestamp = Math.floor(Date.now() / 1000)
    const msgsignature = sign(token, String(timestamp), nonce, reply)
    return Response.json({ encrypt: reply, msgsignature, timestamp, nonce })
  },
})
