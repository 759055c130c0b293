/**
 * The file name of a Content-Disposition, as the sender wrote it: `filename*` (RFC 5987), else `filename`, in which the
 * platform writes raw UTF-8 and others percent codes. `header` has a character for each byte, as fetch gives it.
 */
export function fileNameOf(header: string | null): string | undefined {
  if (header === null) return undefined
  const [, encoded = ''] = /^utf-8'[^']*'(.*)$/i.exec(parameterOf(header, 'filename\\*')) ?? []
  const plain = repaired(parameterOf(header, 'filename'))
  const name = percentDecoded(repaired(encoded)) || (percentDecoded(plain) ?? plain)
  return name === '' ? undefined : name
}

/** Without its quotes; empty when there is none. */
function parameterOf(header: string, name: string): string {
  const pattern = new RegExp(`(?:^|;)\\s*${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^;]*))`, 'i')
  const [, quoted, bare = ''] = pattern.exec(header) ?? []
  // Only what must be escaped is: other backslashes are those of a path.
  return quoted === undefined ? bare.trim().replace(/^"/, '') : quoted.replace(/\\(["\\])/g, '$1')
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined // a per cent sign that is one
  }
}

/** A name whose UTF-8 was taken for Latin-1, once on its way here and perhaps once before. */
function repaired(name: string): string {
  return fromLatin1(fromLatin1(name))
}

function fromLatin1(text: string): string {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.toString('latin1') !== text) return text
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return text // it is Latin-1
  }
}
