import { isVisible } from '../../domain/visible.ts'

/**
 * Removes the Bot's own mention from a group message: the first `@name` of `names`, or, without names, the one at its
 * beginning. The space after it is removed as well. Text of single chats is returned unchanged.
 */
export function removeMention(text: string, names: readonly string[] | undefined, isGroup: boolean): string {
  if (!isGroup) return text
  if (names === undefined || names.length === 0) return removeUnknownName(text)
  const found = names.flatMap(name => findMention(text, name)).toSorted((a, b) => a.start - b.start || b.end - a.end)[0]
  if (found === undefined) return text
  const before = text.slice(0, found.start)
  const after = text.slice(found.end)
  if (after === '') return before.replace(/\s$/u, '')
  return (before.trim() === '' ? '' : before) + after.replace(/^\s/u, '')
}

/** `-`, `.` and `_` inside an ASCII name, any letter, digit, mark or symbol; not what only separates words. */
const leadingName = /^\s*@(?:(?<=[a-z\d])[-._](?=[a-z\d])|[^\s\p{P}\p{Cf}])+/iu

/**
 * A name that is not configured ends at white space or punctuation. If neither follows, or only punctuation would
 * remain, the run may be more than a name, so it stays: no word of a user may be lost.
 */
function removeUnknownName(text: string): string {
  const [name = ''] = leadingName.exec(text) ?? []
  const rest = text.slice(name.length)
  const isNameOnly = rest === '' || (isVisible(rest) && !/[^\s\p{P}\p{Cf}]/u.test(rest))
  return name === '' || isNameOnly ? text : rest.replace(/^\s/u, '')
}

interface Span {
  readonly start: number
  readonly end: number
}

/** The first whole `@name`. `user@H323` does not mention H323, and `@助手2号` does not mention 助手. */
function findMention(text: string, name: string): readonly Span[] {
  const mention = `@${name.replace(/^@/, '')}`
  if (mention === '@') return []
  for (let start = text.indexOf(mention); start !== -1; start = text.indexOf(mention, start + 1)) {
    const end = start + mention.length
    const isWhole =
      !/[\w.-]/.test(text.slice(Math.max(0, start - 1), start)) && !startsLikeName(text.slice(end, end + 2))
    if (isWhole) return [{ start, end }]
  }
  return []
}

function startsLikeName(text: string): boolean {
  return /^[\p{L}\p{N}_@-]/u.test(text)
}
