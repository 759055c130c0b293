const encoder = new TextEncoder()
/** A byte order mark inside a text is a character like any other. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** UTF-8 length of `text`. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text)
}

/** The longest beginning of `text` that fits `limitBytes` of UTF-8 without cutting a character. */
export function cutHead(text: string, limitBytes: number): string {
  if (text.length * 3 <= limitBytes || byteLength(text) <= limitBytes) return text
  if (limitBytes <= 0) return ''
  const bytes = encoder.encode(text)
  return decoder.decode(bytes.subarray(0, characterStart(bytes, limitBytes)))
}

/** What follows the first `headBytes` bytes; `headBytes` must lie on a character, as `cutHead` leaves it. */
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
