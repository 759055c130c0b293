import { createDecipheriv } from 'node:crypto'
import { WecomdError } from '../errors.ts'
import type { EnvelopeKey } from './envelope.ts'
import { blockBytes, paddingOf } from './padding.ts'

/** Decrypts one file as a stream. The results of all `update` calls and of `finish`, in order, are the file. */
export interface MediaOpener {
  update(piece: Uint8Array): readonly Uint8Array[]
  /** Returns the last bytes. Throws `bad_cipher` if decryption failed; the earlier output is then garbage and must be discarded. */
  finish(): Uint8Array
}

/** Opens files that users send to the Bot: AES-256-CBC like an envelope, but without a header. See WeCom's page 100719. */
export function createMediaOpener({ key, iv }: EnvelopeKey): MediaOpener {
  const decipher = createDecipheriv('aes-256-cbc', key, iv).setAutoPadding(false)
  let bytes = 0
  let held: Uint8Array = new Uint8Array()
  return {
    update(piece) {
      bytes += piece.length
      const plain = decipher.update(piece)
      // Holds back the last block, which may be padding, without copying large buffers: that would cost a third of the speed.
      const [before, last] = plain.length < blockBytes ? [[], Buffer.concat([held, plain])] : [[held], plain]
      const end = Math.max(0, last.length - blockBytes)
      held = last.subarray(end)
      return [...before, last.subarray(0, end)].filter(({ length }) => length > 0)
    },
    finish() {
      if (bytes === 0 || bytes % blockBytes !== 0) {
        throw new WecomdError('bad_cipher', 'the length of the encrypted file is not a multiple of 32')
      }
      const padBytes = paddingOf(held)
      if (padBytes === undefined) {
        throw new WecomdError('bad_cipher', 'the decrypted file is not padded to 32 bytes', {
          hint: 'compare the EncodingAESKey with the admin console',
        })
      }
      return held.subarray(0, blockBytes - padBytes)
    },
  }
}
