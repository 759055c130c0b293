/** Reads the text of a run as users may read it. A stored answer is raw while it streams; this is applied to every look. */
import { printable, printableSoFar } from '../../domain/visible.ts'
import { type SplitAnswer, splitReasoning, trimPartialTag } from './reasoning.ts'
import { rewriteForChat, rewriteSoFar } from './web-page.ts'

export interface ReadAnswer extends SplitAnswer {
  /** The titles of what the answer embeds, which can't be shown in WeCom; an empty title for one without. */
  readonly embeds: readonly string[]
}

/** Reads a complete answer. */
export function readAnswer(text: string): ReadAnswer {
  const { reasoning, plain } = splitReasoning(printable(text))
  const { text: forChat, embeds } = rewriteForChat(plain)
  return { reasoning, plain: breakTags(forChat), embeds }
}

/** Reads an answer that still grows. What is not clear yet at its end is left out. */
export function readSoFar(text: string): SplitAnswer {
  const { reasoning, plain } = splitReasoning(trimPartialTag(printableSoFar(text)))
  return { reasoning, plain: breakTags(rewriteSoFar(plain)) }
}

/** Breaks `<think>` tags that an answer mentions, because the client folds what follows one, in code too. */
function breakTags(text: string): string {
  return text.replace(/<(?=\/?think\b)/gi, '<\u200b')
}
