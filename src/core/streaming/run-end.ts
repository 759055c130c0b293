import type { AgentFile, RunEnd } from '../../domain/agent.ts'
import type { Failure } from '../../domain/failure.ts'
import type { Turn, TurnEnd } from '../../domain/turn.ts'
import { isVisible } from '../../domain/visible.ts'
import type { Translate } from '../notices/notices.ts'
import { withNotice } from '../text/fences.ts'
import { readAnswer } from '../text/answer.ts'
import { presentReasoning } from '../text/reasoning.ts'
import { isSentinel } from '../text/sentinel.ts'

/** What a run that is over makes of its turn: the answer as users read it. */
interface Ending {
  readonly end: TurnEnd
  readonly text: string
  readonly reasoning?: string
  readonly files?: readonly AgentFile[]
  readonly failure?: Failure
}

export function outcomeOf(turn: Turn, end: RunEnd, translate: Translate): Ending {
  switch (end.kind) {
    case 'answered':
      return answered(turn, end, translate)
    case 'empty':
      return { end: 'empty', text: translate({ key: 'empty' }), ...(end.search === undefined && { failure: silence }) }
    case 'expired':
      return { end: 'expired', text: translate({ key: 'expired' }) }
    case 'failed':
      return {
        end: 'failed',
        text: after(saidBy(turn, end.text), translate({ key: failures[end.reason].key })),
        failure: end.failure ?? { cause: failures[end.reason].cause },
      }
    case 'stopped':
      return { end: 'stopped', text: after(saidBy(turn, end.text), translate({ key: 'stopped' })) }
    default:
      return end satisfies never
  }
}

/** The notice of a failure, and its cause unless the gateway names one. */
const failures = {
  error: { key: 'failed', cause: 'model_error' },
  lost: { key: 'lost', cause: 'gateway_restart' },
  timeout: { key: 'timeout', cause: 'model_timeout' },
  agent_unknown: { key: 'agent_unknown', cause: 'no_agent' },
} as const
/** The model has said nothing. Files of the answer may still come where they are searched for. */
const silence: Failure = { cause: 'model_empty' }

function answered(
  turn: Turn,
  { text, files = [], search }: Extract<RunEnd, { kind: 'answered' }>,
  translate: Translate,
): Ending {
  const { reasoning, plain, embeds } = readAnswer(text)
  const hasFiles = files.length > 0 || (search !== undefined && search.named.length > 0)
  const shown = isAlone(embeds, plain) ? after(plain, translate({ key: 'embed_hidden' })) : plain
  const said = isSentinel(shown) ? '' : shown
  if (!isVisible(said) && !hasFiles) return { end: 'empty', text: translate({ key: 'empty' }) }
  return { end: 'answered', text: said, reasoning: presentReasoning(reasoning, turn.thoughts), files }
}

/** True if an answer is nothing but what it embeds. */
function isAlone(embeds: readonly string[], plain: string): boolean {
  return embeds.length > 0 && embeds.join('').replace(/\s/g, '') === plain.replace(/\s/g, '')
}

/** What a run that did not end well had said until then. */
function saidBy(turn: Turn, text: string): string {
  return readAnswer(text || turn.answer).plain
}

/** A notice below a text, or alone. */
export function after(text: string, notice: string): string {
  return isVisible(text) ? withNotice(text, notice) : notice
}
