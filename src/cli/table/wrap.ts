/** What a line may not begin with: closing marks stay with the word before them. */
const closing = /^[，。；：、！？）」』》”’…—)\].,;:!?]/u
/** A run of Latin text, or one character of a script that is written without spaces. */
const unit = /\s+|[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef“”‘’…—]|[^\s\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef“”‘’…—]+/gu
const opening = /[（「『《“‘([]$/u

/** Breaks a text into lines of at most `width` columns; a character of Chinese takes two. A longer word stays whole. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const piece of piecesOf(text)) {
    if (Bun.stringWidth((line + piece).trimEnd()) <= width || line.trim() === '') line += piece
    else {
      lines.push(line.trimEnd())
      line = piece.trimStart()
    }
  }
  return [...lines, line.trimEnd()]
}

/** The parts between which a line may break; white space goes with the part before it. */
function piecesOf(text: string): readonly string[] {
  const pieces: string[] = []
  for (const [part] of text.matchAll(unit)) {
    const before = pieces.at(-1)
    const joins =
      before !== undefined && (/^\s/.test(part) || (closing.test(part) && !/\s$/.test(before)) || opening.test(before))
    if (joins) pieces[pieces.length - 1] = before + part
    else pieces.push(part)
  }
  return pieces
}

/** Two columns: a name of at most `widest` columns, else on a line of its own, and a text that is wrapped. */
export function columns(
  rows: readonly (readonly [name: string, text: string])[],
  width: number,
  widest = Math.min(24, Math.max(...rows.map(([name]) => Bun.stringWidth(name)))),
): readonly string[] {
  const indent = 2
  const gap = widest + indent + 2
  return rows.flatMap(([name, text]) => {
    const [first = '', ...more] = wrap(text, width - gap)
    const head = `${' '.repeat(indent)}${name}`
    const space = gap - Bun.stringWidth(head)
    const body = more.map(line => ' '.repeat(gap) + line)
    return space < 2 ? [head, ' '.repeat(gap) + first, ...body] : [head + ' '.repeat(space) + first, ...body]
  })
}
