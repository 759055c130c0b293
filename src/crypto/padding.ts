/** PKCS#7 to 32, not to the cipher's 16: that is why no library may pad or unpad for us. */
export const blockBytes = 32

/** How many bytes at the end of a decrypted text are padding; undefined when it is not padded. */
export function paddingOf(plain: Uint8Array): number | undefined {
  const padBytes = plain[plain.length - 1] ?? 0
  const isWhole = plain.length % blockBytes === 0 && padBytes >= 1 && padBytes <= blockBytes
  if (!isWhole) return undefined
  for (let at = plain.length - padBytes; at < plain.length; at++) if (plain[at] !== padBytes) return undefined
  return padBytes
}
