import { createDecipheriv } from 'node:crypto'
import { WecomdError } from '../errors.ts'
import type { EnvelopeKey } from './envelope.ts'
import { blockBytes, paddingOf } from './padding.ts'

/** Decrypts one attachment as it comes; what `update` and `finish` give together is the attachment. */
export interface MediaOpener {
  update(piece: Uint8Array): readonly Uint8Array[]
  /** The last bytes, or throws `bad_cipher`: what came before then was not the attachment. */
  finish(): Uint8Array
}

/** For media of the Bot (page 100719): AES-256-CBC like an envelope, without anything around the bytes. */
export function createMediaOpener({ key, iv }: EnvelopeKey): MediaOpener {
  const decipher = createDecipheriv('aes-256-cbc', key, iv).setAutoPadding(false)
  let bytes = 0
  let held: Uint8Array = new Uint8Array()
  return {
    update(piece) {
      bytes += piece.length
      const plain = decipher.update(piece)
      // Nothing large is copied: that would cost a third of the speed.
      const [before, last] = plain.length < blockBytes ? [[], Buffer.concat([held, plain])] : [[held], plain]
      const end = Math.max(0, last.length - blockBytes)
      held = last.subarray(end)
      return [...before, last.subarray(0, end)].filter(({ length }) => length > 0)
    },
    finish() {
      if (bytes === 0 || bytes % blockBytes !== 0) {
        throw new WecomdError('bad_cipher', 'the encrypted media does not end with a whole block')
      }
      const padBytes = paddingOf(held)
      if (padBytes === undefined) {
        throw new WecomdError('bad_cipher', 'the decrypted media is not padded to 32 bytes', {
          hint: 'compare the EncodingAESKey with the admin console',
        })
      }
      return held.subarray(0, blockBytes - padBytes)
    },
  }
}
