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
