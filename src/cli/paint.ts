/** Colours of words; every function returns its text unchanged where there are none. */
export interface Paint {
  good(text: string): string
  bad(text: string): string
  warn(text: string): string
  dim(text: string): string
  bold(text: string): string
}

/** Colours for a terminal. A pipe gets none, and neither does anybody who sets NO_COLOR. */
export function createPaint(isTty: boolean, env: Readonly<Record<string, string | undefined>>): Paint {
  const isOn = isTty && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  const code = (start: number, end: number) => (text: string) =>
    isOn && text !== '' ? `\u001B[${start}m${text}\u001B[${end}m` : text
  return { good: code(32, 39), bad: code(31, 39), warn: code(33, 39), dim: code(2, 22), bold: code(1, 22) }
}
