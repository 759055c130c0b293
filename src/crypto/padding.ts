/** WeCom pads with PKCS#7 to 32 bytes, not to the AES block size of 16, so the padding of crypto libraries cannot be used. */
export const blockBytes = 32

/** The number of padding bytes at the end of a decrypted text; undefined if the padding is invalid. */
export function paddingOf(plain: Uint8Array): number | undefined {
  const padBytes = plain[plain.length - 1] ?? 0
  const isWhole = plain.length % blockBytes === 0 && padBytes >= 1 && padBytes <= blockBytes
  if (!isWhole) return undefined
  for (let at = plain.length - padBytes; at < plain.length; at++) if (plain[at] !== padBytes) return undefined
  return padBytes
}
