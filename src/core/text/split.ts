const encoder = new TextEncoder()
/** Without `ignoreBOM` the decoder would drop a byte order mark at the beginning of what `cutAfter` returns. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Returns the length of `text` in UTF-8 bytes. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text)
}

/** Returns the longest prefix of `text` that fits in `limitBytes` of UTF-8. Never splits a character. */
export function cutHead(text: string, limitBytes: number): string {
  // One UTF-16 code unit is at most three bytes, so most short texts need no measuring.
  if (text.length * 3 <= limitBytes || byteLength(text) <= limitBytes) return text
  if (limitBytes <= 0) return ''
  const bytes = encoder.encode(text)
  return decoder.decode(bytes.subarray(0, characterStart(bytes, limitBytes)))
}

/** Returns `text` without its first `headBytes` bytes, which must end between two characters, as `cutHead` ensures. */
export function cutAfter(text: string, headBytes: number): string {
  if (headBytes <= 0) return text
  const bytes = encoder.encode(text)
  return decoder.decode(bytes.subarray(Math.min(headBytes, bytes.length)))
}

function characterStart(bytes: Uint8Array, at: number): number {
  let start = at
  while (start > 0 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start--
  return start
}
