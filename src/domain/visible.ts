/**
 * What a reader sees nothing of: white space, control and format characters (zero-width, bidi marks, tags), variation
 * selectors, and the blanks that Unicode counts as letters or symbols (Hangul fillers, the empty Braille pattern).
 */
const blank = String.raw`\s\p{Cc}\p{Cf}\p{Variation_Selector}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0`
const visible = new RegExp(`[^${blank}]`, 'u')
const blankEnds = new RegExp(`^[${blank}]+|[${blank}]+$`, 'gu')

/** True if a reader sees something of the text. */
export function isVisible(text: string): boolean {
  return visible.test(text)
}

/** The text from its first to its last visible character. */
export function trimInvisible(text: string): string {
  return text.replace(blankEnds, '')
}
