import { createHash } from 'node:crypto'
import { crc32, deflateSync } from 'node:zlib'
import type { AskAttachment } from '../../src/domain/agent.ts'

const kinds = { image: 'image/png', audio: 'audio/amr', file: 'application/zip' } as const

/** An attachment that counts how often it is opened. Its bytes come in chunks, as from a file. */
export function fileOf(
  fileName: string,
  bytes: Uint8Array,
  kind: keyof typeof kinds = 'file',
  mimeType: string = kinds[kind],
) {
  const opened = { times: 0 }
  const file: AskAttachment = {
    kind,
    mimeType,
    fileName,
    bytes: bytes.length,
    async *open() {
      opened.times++
      for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
    },
  }
  return { ...file, opened, sha256: createHash('sha256').update(bytes).digest('hex') }
}

export function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += 4_096) bytes[at] = (at / 4_096) % 256
  return bytes
}

/** A PNG of `side` × `side` random pixels, which does not compress. */
export function pngOf(side: number): Buffer {
  const line = side * 3 + 1
  const points = Buffer.alloc(side * line)
  for (let at = 0; at < points.length; at += 65_536) crypto.getRandomValues(points.subarray(at, at + 65_536))
  for (let y = 0; y < side; y++) points[y * line] = 0
  const header = Buffer.alloc(13)
  header.writeUInt32BE(side, 0)
  header.writeUInt32BE(side, 4)
  header.set([8, 2], 8)
  const chunks = [chunkOf('IHDR', header), chunkOf('IDAT', deflateSync(points)), chunkOf('IEND', Buffer.alloc(0))]
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...chunks])
}

function chunkOf(name: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name), content])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(content.length, 0)
  ends.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
}

export const png = fileOf('a.png', pngOf(60), 'image')
export const csv = fileOf('数据.csv', Buffer.from('a,b\n1,2\n'), 'file', 'text/csv')
