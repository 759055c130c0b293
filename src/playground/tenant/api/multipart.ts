/** One part of a multipart/form-data body, with lowercase header names. */
export interface Part {
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

/** Parses a body into its parts; undefined if it is malformed. */
export function parseMultipart(body: Buffer, contentType: string): readonly Part[] | undefined {
  const [, quoted, plain] = /^multipart\/form-data;.*\bboundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType) ?? []
  const boundary = quoted ?? plain
  if (boundary === undefined) return undefined
  // With a line break in front, the first delimiter looks like the others.
  const rest = Buffer.concat([Buffer.from('\r\n'), body])
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  const parts: Part[] = []
  for (let at = rest.indexOf(delimiter); at >= 0; ) {
    const from = at + delimiter.length
    if (rest.subarray(from, from + 2).toString() === '--') return parts
    const next = rest.indexOf(delimiter, from)
    const part = next < 0 ? undefined : parsePart(rest.subarray(from, next))
    if (!part) return undefined
    parts.push(part)
    at = next
  }
  return undefined
}

/** Parses a part. `bytes` starts with the line break after the delimiter. */
function parsePart(bytes: Buffer): Part | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0 || bytes.subarray(0, 2).toString() !== '\r\n') return undefined
  const lines = decodeUtf8(bytes.subarray(2, end))?.split('\r\n')
  const headers = lines?.map(line => /^([\w-]+):\s*(.*)$/.exec(line))
  if (!headers) return undefined
  const named = headers.flatMap(match => (match ? [[(match[1] ?? '').toLowerCase(), match[2] ?? ''] as const] : []))
  return named.length < headers.length ? undefined : { headers: new Map(named), body: bytes.subarray(end + 4) }
}

/** Reads a parameter of Content-Disposition like WeCom: only quoted values, and no `name*=`. */
export function dispositionParameter(part: Part, name: string): string | undefined {
  const disposition = part.headers.get('content-disposition') ?? ''
  return new RegExp(`^form-data(?:;.*)?; ?${name}="([^"]*)"`).exec(disposition)?.[1]
}

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined // the caller treats the body as malformed
  }
}
