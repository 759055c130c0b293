import type { Thoughts } from '../../domain/turn.ts'
import { byteLength, cutHead } from './split.ts'

export interface SplitAnswer {
  /** The contents of the `<think>` blocks, joined by blank lines. */
  readonly reasoning: string
  /** The answer without them; identical to the input if there are none. */
  readonly plain: string
}

/** Blocks after these are left in the text, so that scanning stays cheap. */
const maxBlocks = 50
/** Longer reasoning is cut, to leave room for the answer. */
const maxBytes = 4_096
const fence = /^ {0,3}(?:`{3,}|~{3,})/gm
/** A block starts at the beginning of a line or directly after another block. */
const block = /(?<=^|\n|<\/think>[ \t]{0,9}\n{0,9})[ \t]*<think>([\s\S]*?)(?:<\/think>[ \t]*\n*|$)/g

/**
 * Separates a model's `<think>` blocks from its answer. A block must start a line and be outside of fenced code, so
 * that an answer can mention the tag. A block that is not closed, as while it streams, extends to the end.
 */
export function splitReasoning(text: string): SplitAnswer {
  if (!text.includes('<think>')) return { reasoning: '', plain: text }
  const thoughts: string[] = []
  let plain = ''
  let from = 0
  let blocks = 0
  for (const match of text.matchAll(block)) {
    if (++blocks > maxBlocks) break
    if ((text.slice(0, match.index).match(fence)?.length ?? 0) % 2 === 1) continue
    const before = text.slice(from, match.index)
    plain += plain === '' && before.trim() === '' ? '' : before
    thoughts.push((match[1] ?? '').trim())
    from = match.index + match[0].length
  }
  return { reasoning: thoughts.filter(thought => thought !== '').join('\n\n'), plain: plain + text.slice(from) }
}

/** Removes an incomplete `<think>` or `</think>` tag from the end of a streaming text. */
export function trimPartialTag(text: string): string {
  return text.replace(/<\/?(?:t(?:h(?:i(?:nk?)?)?)?)?$/, '')
}

/** Formats reasoning for the bubble, before the answer. Returns an empty text if there is nothing to show. */
export function presentReasoning(reasoning: string, thoughts: Thoughts): string {
  if (reasoning === '' || thoughts === 'hide') return ''
  const fits = byteLength(reasoning) <= maxBytes
  const shown = fits ? reasoning : `${cutHead(reasoning, maxBytes)}…`
  if (thoughts === 'fold') return `<think>${shown.replaceAll('</think>', '')}</think>`
  return shown
    .split('\n')
    .map(line => `> ${line}`)
    .join('\n')
}
