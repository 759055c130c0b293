/** Reads the text of a config file: its bytes, its JSON5 syntax, and keys that are written twice. */
import JSON5 from 'json5'
import { messageOf } from '../errors.ts'

/** Decodes a file. Throws an error that names UTF-8 if it is in another encoding. A byte order mark is dropped. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    const known = bytes[0] === 0xff || bytes[0] === 0xfe ? 'UTF-16' : isGbk(bytes) ? 'GBK' : undefined
    const line = lineOfFault(bytes)
    const guess = known === undefined ? '' : ` (it looks like ${known})`
    throw new Error(`it is not in UTF-8, line ${line}${guess}; save it as UTF-8`, { cause })
  }
}

function isGbk(bytes: Uint8Array): boolean {
  try {
    return /\p{Script=Han}/u.test(new TextDecoder('gbk', { fatal: true }).decode(bytes))
  } catch {
    return false // another encoding
  }
}

function lineOfFault(bytes: Uint8Array): number {
  const lossy = new TextDecoder('utf-8').decode(bytes)
  return lossy.slice(0, lossy.indexOf('\ufffd')).split('\n').length
}

/**
 * Parses JSON5. Throws an error whose message begins with `:line:column: problem`, and continues with that line, a caret
 * below the position, and what is probably wrong. Values in the line are masked, because they may be secrets.
 */
export function parseJson5(text: string): unknown {
  try {
    return JSON5.parse(text)
  } catch (error) {
    throw new Error(describe(text, messageOf(error).replace(/^JSON5: /, '')), { cause: error })
  }
}

function describe(text: string, message: string): string {
  const [, problem = message, row, column] = /^(.*) at (\d+):(\d+)$/s.exec(message) ?? []
  const looks = otherFormat(text)
  if (row === undefined || column === undefined) return `: ${message}${looks ?? ''}`
  const lines = text.split(/\r?\n/)
  // json5 reports the end of a line as column 0 of the next one.
  const isLineEnd = column === '0' && Number(row) > 1
  const at = isLineEnd
    ? { row: Number(row) - 1, column: (lines[Number(row) - 2] ?? '').length + 1 }
    : { row: Number(row), column: Number(column) }
  const isOpen = isLineEnd || problem === 'invalid end of input'
  const shown = maskValues(lines[at.row - 1] ?? '').slice(0, 120)
  const margin = `${at.row}`.length
  const caret = `${' '.repeat(margin)} | ${shown.slice(0, at.column - 1).replace(/\S/g, ' ')}^`
  const guess = looks ?? (isOpen ? '; a quote or a bracket is not closed' : missingComma(lines, at)) ?? ''
  return `:${at.row}:${at.column}: ${problem}${guess}\n${at.row} | ${shown}\n${caret}`
}

/** What the file is instead of JSON5, if its lines tell. */
function otherFormat(text: string): string | undefined {
  const lines = text.split(/\r?\n/).filter(line => line.trim() !== '' && !/^\s*(?:#|\/\/)/.test(line))
  const [first = ''] = lines
  const isTable = /^\s*\[[\w.-]+\]\s*$/.test(first)
  if (!isTable && (/^\s*[{[]/.test(first) || /^\s*\/\*/.test(text))) return undefined
  if (isTable || lines.every(line => /^\s*[\w.-]+\s*=/.test(line))) {
    return '; it looks like TOML or INI, wecomd reads JSON5: { key: "value" }'
  }
  if (/^(?:---|\s*- |[\w.-]+:(?:\s|$))/.test(first)) return '; it looks like YAML, wecomd reads JSON5: { key: "value" }'
  return undefined
}

/** A value that is followed by another key or value, with nothing but a line end between them. */
function missingComma(lines: readonly string[], { row, column }: { row: number; column: number }): string | undefined {
  const before = [...lines.slice(0, row - 1), (lines[row - 1] ?? '').slice(0, column - 1)].map(withoutComment)
  const last = before.findLastIndex(line => line.trim() !== '')
  const isValue = /["'}\]\w]\s*$/.test(before[last] ?? '')
  const isNext = /^["'\w{[]/.test((lines[row - 1] ?? '').slice(column - 1))
  return isValue && isNext ? `; a comma seems to be missing at the end of line ${last + 1}` : undefined
}

function withoutComment(line: string): string {
  return line.replace(/(?<=^|\s)\/\/.*$/, '')
}

/** Replaces what may be a secret, character by character, so that positions stay: all words after the first key. */
function maskValues(line: string): string {
  const key = /^(?:\s*\[[\w.-]+\]|[\s{[,]*(?:["']?[\w$.-]+["']?\s*[:=])?)/.exec(line)?.[0] ?? ''
  return key + line.slice(key.length).replace(/[^\s{}[\],:"']/g, '*')
}

/** The paths of keys that are written twice in one object, with the line of the second one. */
export function doubledKeys(text: string): readonly { readonly path: string; readonly line: number }[] {
  const found: { path: string; line: number }[] = []
  const places: { readonly name: string; readonly keys: Set<string> | undefined; items: number }[] = []
  let key = ''
  let line = 1
  const pathOf = (last: string) => [...places.slice(1).map(({ name }) => name), last].join('.').replaceAll('.[', '[')
  for (const { 0: token, groups = {} } of text.matchAll(tokens)) {
    const place = places.at(-1)
    if (token === '{' || token === '[') {
      const name = place?.keys === undefined ? `[${place?.items ?? 0}]` : key
      places.push({ name, keys: token === '{' ? new Set() : undefined, items: 0 })
    } else if (token === '}' || token === ']') places.pop()
    else if (token === ',' && place !== undefined) place.items++
    else if (groups.key !== undefined && place?.keys !== undefined) {
      key = nameOf(groups.key)
      if (place.keys.has(key)) found.push({ path: pathOf(key), line })
      place.keys.add(key)
    }
    line += token.split('\n').length - 1
  }
  return found
}

/** Comments, keys with their colon, strings, brackets, commas and line ends of a valid JSON5 text. */
const tokens =
  /\/\/[^\n]*|\/\*[^]*?\*\/|(?<key>"(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*'|[\p{ID_Start}$_\\](?:[\p{ID_Continue}$\\]|\u200c|\u200d)*)(?=\s*:)|"(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*'|[{}[\],]|\n/gu

function nameOf(key: string): string {
  return /^["']/.test(key) ? String(JSON5.parse(key)) : key
}
