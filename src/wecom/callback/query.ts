/** The decoded parameters of a callback URL. Only a URL verification has `echostr`. */
export interface CallbackQuery {
  readonly signature: string
  readonly timestamp: string
  readonly nonce: string
  readonly echostr?: string
}

const names = ['msg_signature', 'timestamp', 'nonce', 'echostr'] as const

/**
 * Parses a raw query (without `?`). Returns undefined when a parameter is missing, empty, repeated or badly escaped.
 * Values are unescaped once. A raw `+` stays a plus, because base64 ciphertext contains many and may arrive unescaped.
 * Other parameters are ignored.
 */
export function parseCallbackQuery(query: string, needsEchostr: boolean): CallbackQuery | undefined {
  const values: (string | undefined)[] = []
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=')
    const at = names.findIndex(name => name === (equals === -1 ? pair : pair.slice(0, equals)))
    if (at === -1) continue
    if (values[at] !== undefined || equals === -1) return undefined
    const value = unescapeOnce(pair.slice(equals + 1))
    if (value === undefined || value === '') return undefined
    values[at] = value
  }
  const [signature, timestamp, nonce, echostr] = values
  if (signature === undefined || timestamp === undefined || nonce === undefined) return undefined
  if (!needsEchostr) return { signature, timestamp, nonce }
  return echostr === undefined ? undefined : { signature, timestamp, nonce, echostr }
}

function unescapeOnce(text: string): string | undefined {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined // a bad escape counts as a missing parameter
  }
}
