import type { Thoughts } from '../../domain/turn.ts'
import { byteLength, cutHead } from './split.ts'

/** An answer without its reasoning, and that; byte for byte the answer where there is none. */
export interface Reasoned {
  readonly reasoning: string
  readonly plain: string
}

/** Further blocks count as text. */
const mostBlocks = 50
/** Reasoning is cut here: the bubble is for the answer. */
const mostBytes = 4_096
const fence = /^ {0,3}(?:`{3,}|~{3,})/gm
/** At the beginning of a line, or right behind another one. */
const block = /(?<=^|\n|<\/think>[ \t]{0,9}\n{0,9})[ \t]*<think>([\s\S]*?)(?:<\/think>[ \t]*\n*|$)/g

/** Takes `<think>` blocks out, those that begin a line outside of code; one that has not ended yet goes to the end. */
export function splitReasoning(text: string): Reasoned {
  if (!text.includes('<think>')) return { reasoning: '', plain: text }
  const thoughts: string[] = []
  let plain = ''
  let from = 0
  let looked = 0
  for (const match of text.matchAll(block)) {
    if (++looked > mostBlocks) break
    if ((text.slice(0, match.index).match(fence)?.length ?? 0) % 2 === 1) continue
    const before = text.slice(from, match.index)
    plain += plain === '' && before.trim() === '' ? '' : before
    thoughts.push((match[1] ?? '').trim())
    from = match.index + match[0].length
  }
  return { reasoning: thoughts.filter(thought => thought !== '').join('\n\n'), plain: plain + text.slice(from) }
}

/** A growing text without an end that may become a tag. */
export function withoutHalfTag(text: string): string {
  return text.replace(/<\/?(?:t(?:h(?:i(?:nk?)?)?)?)?$/, '')
}

/** What stands before the answer in a bubble; empty when nothing does. */
export function presentReasoning(reasoning: string, thoughts: Thoughts): string {
  if (reasoning === '' || thoughts === 'hide') return ''
  const whole = byteLength(reasoning) <= mostBytes
  const shown = whole ? reasoning : `${cutHead(reasoning, mostBytes)}…`
  if (thoughts === 'fold') return `<think>${shown.replaceAll('</think>', '')}</think>`
  return shown
    .split('\n')
    .map(line => `> ${line}`)
    .join('\n')
}
