/**
 * The file name in a Content-Disposition header, as the sender wrote it: `filename*` (RFC 5987, in any charset that
 * TextDecoder knows), otherwise `filename`. In `filename` the platform writes raw UTF-8; some servers percent-encode or
 * write encoded words (RFC 2047). `header` has one character per byte, as fetch returns it.
 */
export function fileNameOf(header: string | null): string | undefined {
  if (header === null) return undefined
  const [, charset = '', encoded = ''] = /^([\w-]+)'[^']*'(.*)$/.exec(parameterOf(header, 'filename\\*')) ?? []
  const plain = wordsDecoded(repaired(parameterOf(header, 'filename')))
  const name = extendedName(charset, encoded) || (percentDecoded(plain) ?? plain)
  return name === '' ? undefined : name
}

/** Undefined if the charset is unknown or the bytes are not valid in it. */
function extendedName(charset: string, encoded: string): string | undefined {
  if (/^utf-?8$/i.test(charset)) return percentDecoded(repaired(encoded))
  return decoded(unescaped(encoded, /%([\da-f]{2})/gi), charset)
}

/** Encoded words, such as `=?UTF-8?B?5bm0?=`. White space between two of them is not part of the text (RFC 2047, 6.2). */
function wordsDecoded(text: string): string {
  const joined = text.replace(/(=\?[\w-]+\?[bq]\?[^?]*\?=)\s+(?==\?[\w-]+\?[bq]\?)/gi, '$1')
  return joined.replace(
    /=\?([\w-]+)\?([bq])\?([^?]*)\?=/gi,
    (word, charset: string, encoding: string, value: string) => {
      const bytes =
        encoding.toLowerCase() === 'b'
          ? Buffer.from(value, 'base64')
          : unescaped(value.replaceAll('_', ' '), /=([\da-f]{2})/gi)
      return decoded(bytes, charset) ?? word
    },
  )
}

/** The bytes of a text in which a byte may be escaped in hex, the first group of `escape`. */
function unescaped(text: string, escape: RegExp): Buffer {
  const raw = text.replace(escape, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(raw, 'latin1')
}

function decoded(bytes: Uint8Array, charset: string): string | undefined {
  try {
    return new TextDecoder(charset as Bun.Encoding, { fatal: true }).decode(bytes)
  } catch {
    return undefined // an unknown charset, or other bytes
  }
}

/** The value of a parameter without its quotes; empty when it is missing. */
function parameterOf(header: string, name: string): string {
  const pattern = new RegExp(`(?:^|;)\\s*${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^;]*))`, 'i')
  const [, quoted, bare = ''] = pattern.exec(header) ?? []
  // Only quotes and backslashes are escaped. Any other backslash belongs to a path.
  return quoted === undefined ? bare.trim().replace(/^"/, '') : quoted.replace(/\\(["\\])/g, '$1')
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined // a literal percent sign
  }
}

/** Repairs a name whose UTF-8 was read as Latin-1: once by fetch, and perhaps once before by a server. */
function repaired(name: string): string {
  return fromLatin1(fromLatin1(name))
}

function fromLatin1(text: string): string {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.toString('latin1') !== text) return text
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return text // really Latin-1
  }
}
