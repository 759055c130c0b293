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
