import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeKey, sealEnvelope } from '../../src/crypto/envelope.ts'
import { createMediaOpener } from '../../src/crypto/media.ts'
import { sign } from '../../src/crypto/signature.ts'
import { bench, type Server, startFetcher } from './servers.ts'

const bytes = 50 * 1_048_576
const pieceBytes = 64 * 1024
const rounds = 5

/** A file of 50 MB from a user: how fast it is decrypted, and what fetching it costs the daemon in memory. */
export async function runMedia(): Promise<void> {
  const plain = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(bytes - 9)])
  const sealed = seal(plain)
  const rates = Array.from({ length: rounds }, () => ({ openssl: opensslRate(), ours: openerRate(sealed) }))
  const openssl = median(rates.map(rate => rate.openssl))
  const ours = median(rates.map(rate => rate.ours))
  console.log(`openssl speed -evp aes-256-cbc -decrypt: ${openssl.toFixed(0)} MB/s (medians of ${rounds})`)
  console.log(`decrypting media in pieces of 64 KiB: ${ours.toFixed(0)} MB/s, ${(ours / openssl).toFixed(2)} of it`)
  await fetchByDaemon(plain, sealed)
}

function seal(plain: Buffer): Buffer {
  const key = Buffer.from(`${bench.encodingAESKey}=`, 'base64')
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  const padBytes = 32 - (plain.length % 32)
  return Buffer.concat([cipher.update(plain), cipher.update(Buffer.alloc(padBytes, padBytes))])
}

function opensslRate(): number {
  const args = ['speed', '-evp', 'aes-256-cbc', '-decrypt', '-bytes', String(pieceBytes), '-seconds', '1']
  const { stdout } = Bun.spawnSync(['openssl', ...args], { stderr: 'ignore' })
  return Number(/^AES-256-CBC\s+([\d.]+)k/im.exec(stdout.toString())?.[1]) / 1_000
}

function openerRate(sealed: Buffer): number {
  const opener = createMediaOpener(decodeKey(bench.encodingAESKey))
  const startedAt = performance.now()
  for (let at = 0; at < sealed.length; at += pieceBytes) opener.update(sealed.subarray(at, at + pieceBytes))
  opener.finish()
  return sealed.length / (performance.now() - startedAt) / 1_000
}

/** The whole way: callback, link, download, decryption, the spool on the disk. */
async function fetchByDaemon(plain: Buffer, sealed: Buffer): Promise<void> {
  const host = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(sealed) })
  const origin = `http://127.0.0.1:${host.port}`
  const daemon = await startFetcher(origin)
  await sendFile(daemon, `${origin}/warm-up`)
  await untilSpooled(daemon.folder, 1)
  await Bun.sleep(2_000)
  const idleMb = daemon.usage().rssMb
  const startedAt = performance.now()
  const peak = watchPeak(daemon)
  await sendFile(daemon, `${origin}/measured`)
  const [file] = (await untilSpooled(daemon.folder, 2)).slice(-1)
  const seconds = (performance.now() - startedAt) / 1_000
  const peakMb = peak()
  const isWhole = sha256(readFileSync(file ?? '')) === sha256(plain)
  console.log(`fetched by the daemon: 50 MB in ${seconds.toFixed(2)} s, ${isWhole ? 'byte for byte' : 'DAMAGED'}`)
  console.log(`resident: idle ${idleMb.toFixed(0)} MB, peak ${(peakMb - idleMb).toFixed(0)} MB more`)
  await daemon.stop()
  await host.stop(true)
}

let sent = 0

async function sendFile({ url }: Server, link: string): Promise<void> {
  const msgid = `media-${++sent}`
  const from = { userid: `user${sent}` }
  const message = JSON.stringify({
    msgid,
    aibotid: 'aib',
    chattype: 'single',
    from,
    msgtype: 'file',
    file: { url: link },
  })
  const encrypt = sealEnvelope(decodeKey(bench.encodingAESKey), message, '', randomBytes(16))
  const timestamp = String(Math.floor(Date.now() / 1_000))
  const signature = sign(bench.token, timestamp, msgid, encrypt)
  const query = `msg_signature=${signature}&timestamp=${timestamp}&nonce=${msgid}`
  const response = await fetch(`${url}?${query}`, { method: 'POST', body: JSON.stringify({ encrypt }) })
  if (response.status !== 200) throw new Error(`the callback was answered ${response.status}`)
}

/** The files of the spool, oldest first, once there are so many. */
async function untilSpooled(folder: string, count: number): Promise<readonly string[]> {
  const spool = join(folder, 'state/spool')
  for (let tries = 0; tries < 30_000; tries++) {
    const whole = readdirSync(spool).filter(name => !name.endsWith('.part'))
    if (whole.length >= count) return whole.toSorted().map(name => join(spool, name))
    await Bun.sleep(2)
  }
  throw new Error('the file was not fetched within a minute')
}

function watchPeak(server: Server): () => number {
  let peakMb = 0
  const timer = setInterval(() => {
    peakMb = Math.max(peakMb, server.usage().rssMb)
  }, 2)
  return () => {
    clearInterval(timer)
    return peakMb
  }
}

function sha256(of: Uint8Array): string {
  return createHash('sha256').update(of).digest('hex')
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
