/**
 * What a reader sees nothing of: white space, control and format characters (zero-width, bidi marks, tags), variation
 * selectors, and the blanks that Unicode counts as letters or symbols (Hangul fillers, the empty Braille pattern).
 */
const blank = String.raw`\s\p{Cc}\p{Cf}\p{Variation_Selector}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0`
const visible = new RegExp(`[^${blank}]`, 'u')

/** True if a reader sees something of the text. */
export function isVisible(text: string): boolean {
  return visible.test(text)
}

/**
 * The text from its first to its last visible character. The end is searched backwards: a pattern such as `[blank]+$` looks
 * at a long run of blanks again from each of its characters.
 */
export function trimInvisible(text: string): string {
  const start = text.search(visible)
  if (start === -1) return ''
  let end = text.length
  for (let last = characterBefore(text, end); !isVisible(last); last = characterBefore(text, end)) end -= last.length
  return text.slice(start, end)
}

function characterBefore(text: string, end: number): string {
  const pair = text.slice(Math.max(0, end - 2), end)
  return /^[\ud800-\udbff][\udc00-\udfff]$/.test(pair) ? pair : pair.slice(-1)
}

const escape = '\u001b'
const bell = '\u0007'

/** Escape sequences of terminals: colours and cursor moves (CSI), window titles and links (OSC), and the short ones. */
const terminalSequence = new RegExp(
  [
    String.raw`(?:${escape}\[|\x9b)[0-?]*[ -/]*[@-~]`,
    String.raw`(?:${escape}\]|\x9d)[^${bell}${escape}\x9c]*(?:${bell}|${escape}\\|\x9c)`,
    String.raw`${escape}[ -/]*[0-OQ-WYZ\\^-~]`,
  ].join('|'),
  'g',
)
/** The same, cut off at the end of a text that still grows. */
const openSequence = new RegExp(String.raw`(?:${escape}|\x9b)(?:[[\]]?[ -?]{0,32})$`)
/** All controls but tab and newline. */
const control = /(?![\t\n])\p{Cc}/u
const controls = new RegExp(control, 'gu')

/**
 * The text without what no client can show: terminal sequences are removed, and so are control characters except tab and
 * newline (a carriage return becomes a newline). Half a surrogate pair, which has no UTF-8 form, becomes U+FFFD.
 */
export function printable(text: string): string {
  if (!control.test(text)) return text.toWellFormed()
  return text.replace(terminalSequence, '').replace(/\r\n?/g, '\n').replace(controls, '').toWellFormed()
}

/** The same for a text that still grows: half a character or half a terminal sequence at its end waits for its rest. */
export function printableSoFar(text: string): string {
  return printable(text.replace(openSequence, '').replace(/[\ud800-\udbff]$/, ''))
}

/** `JSON.stringify` with all texts printable. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => (typeof item === 'string' ? printable(item) : item))
}
