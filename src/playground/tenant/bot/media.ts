import { createCipheriv } from 'node:crypto'
import type { Clock, Random } from '../../../world.ts'
import type { Served } from '../answer.ts'
import type { TenantApiCall, TenantApi } from '../api/api.ts'

/**
 * A fault of a file. `truncated`, `wrong_key` and `not_encrypted` affect the stored bytes. `expired`, `html` and `empty` replace
 * the answer. `hang`, `slow`, `reset` and `oversize` (a false Content-Length) happen during the download.
 */
export type MediaFault =
  | 'truncated'
  | 'wrong_key'
  | 'not_encrypted'
  | 'expired'
  | 'html'
  | 'empty'
  | 'hang'
  | 'slow'
  | 'reset'
  | 'oversize'

export interface BotMedium {
  /** Sent in Content-Disposition as raw UTF-8, like WeCom does. */
  readonly fileName?: string
  /** Replaces the whole Content-Disposition. One character per byte. */
  readonly disposition?: string
  readonly fault?: MediaFault
}

interface Stored extends BotMedium {
  readonly bytes: Uint8Array
  readonly expiresAt: number
}

const path = '/media'
const lifeMs = 300_000
const blockBytes = 32
const oversizeBytes = 10 * 1_073_741_824

/** Simulates the object storage for files that users send to a Bot: encrypted with the Bot's key, valid for five minutes. */
export class BotMedia {
  private readonly stored = new Map<string, Stored>()

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly encodingAESKey: string,
    private readonly api: TenantApi,
  ) {
    api.route('GET', path, call => ({ answer: this.serve(call) }))
  }

  put(bytes: Uint8Array, medium: BotMedium): string {
    const id = Buffer.from(this.random.bytes(16)).toString('hex')
    this.stored.set(id, { ...medium, bytes: this.asStored(bytes, medium.fault), expiresAt: this.clock.now() + lifeMs })
    return `${this.api.origin}${path}?id=${id}&q-signature=${Buffer.from(this.random.bytes(20)).toString('hex')}`
  }

  private asStored(bytes: Uint8Array, fault: MediaFault | undefined): Uint8Array {
    if (fault === 'not_encrypted') return bytes
    if (fault === 'empty') return Buffer.of()
    const key = fault === 'wrong_key' ? Buffer.alloc(blockBytes, 7) : Buffer.from(`${this.encodingAESKey}=`, 'base64')
    const sealed = seal(bytes, key)
    return fault === 'truncated' ? sealed.subarray(0, Math.floor(sealed.length / 2) + 1) : sealed
  }

  private serve({ query }: TenantApiCall): Served {
    const found = this.stored.get(query.get('id') ?? '')
    if (found === undefined) return refusal(404, 'NoSuchKey', 'The specified key does not exist.')
    const { bytes, fault, fileName, disposition = fileName && `attachment; filename="${latin(fileName)}"` } = found
    if (fault === 'expired' || this.clock.now() >= found.expiresAt) {
      return refusal(403, 'AccessDenied', 'Request has expired')
    }
    if (fault === 'html') return page
    const type = { 'content-type': 'application/octet-stream' }
    const headers = disposition === undefined ? type : { ...type, 'content-disposition': disposition }
    if (fault === 'oversize') {
      return { status: 200, headers: { ...headers, 'content-length': String(oversizeBytes) }, bytes, flaw: 'hang' }
    }
    const flaw = fault === 'hang' || fault === 'slow' || fault === 'reset' ? { flaw: fault } : {}
    return { status: 200, headers, bytes, ...flaw }
  }
}

const page: Served = {
  status: 200,
  headers: { 'content-type': 'text/html' },
  bytes: Buffer.from('<!DOCTYPE html>\n<html><body>Sign in to this network</body></html>\n'),
}

function refusal(status: 403 | 404, code: string, message: string): Served {
  const xml = `<?xml version='1.0' encoding='utf-8' ?>\n<Error>\n\t<Code>${code}</Code>\n\t<Message>${message}</Message>\n</Error>\n`
  return { status, headers: { 'content-type': 'application/xml' }, bytes: Buffer.from(xml) }
}

/** Encrypts with AES-256-CBC and PKCS#7 padding to 32 bytes. Does not reuse the daemon's code, which is under test. */
function seal(bytes: Uint8Array, key: Uint8Array): Buffer {
  const padBytes = blockBytes - (bytes.length % blockBytes)
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  return Buffer.concat([cipher.update(bytes), cipher.update(Buffer.alloc(padBytes, padBytes)), cipher.final()])
}

/** Converts to one character per byte, as node:http expects. */
function latin(text: string): string {
  return Buffer.from(text).toString('latin1')
}
