/**
 * The file name in a Content-Disposition header, as the sender wrote it: `filename*` (RFC 5987), otherwise `filename`.
 * In `filename` the platform writes raw UTF-8, and some servers percent-encode. `header` has one character per byte, as
 * fetch returns it.
 */
export function fileNameOf(header: string | null): string | undefined {
  if (header === null) return undefined
  const [, encoded = ''] = /^utf-8'[^']*'(.*)$/i.exec(parameterOf(header, 'filename\\*')) ?? []
  const plain = repaired(parameterOf(header, 'filename'))
  const name = percentDecoded(repaired(encoded)) || (percentDecoded(plain) ?? plain)
  return name === '' ? undefined : name
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
