import type { AgentFile, RunEnd } from '../../domain/agent.ts'
import type { Failure } from '../../domain/failure.ts'
import type { Turn, TurnEnd } from '../../domain/turn.ts'
import { isVisible } from '../../domain/visible.ts'
import type { Translate } from '../notices/notices.ts'
import { closingOf } from '../text/fences.ts'
import { presentReasoning, splitReasoning } from '../text/reasoning.ts'
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
        text: after(saidBy(turn, end.text), translate({ key: failures[end.reason] })),
        failure: end.failure ?? { cause: causes[end.reason] },
      }
    case 'stopped':
      return { end: 'stopped', text: after(saidBy(turn, end.text), translate({ key: 'stopped' })) }
    default:
      return end satisfies never
  }
}

const causes = {
  error: 'model_error',
  lost: 'gateway_restart',
  timeout: 'model_timeout',
  agent_unknown: 'no_agent',
} as const
/** The model has said nothing. Files of the answer may still come where they are searched for. */
const silence: Failure = { cause: 'model_empty' }
const failures = { error: 'failed', lost: 'lost', timeout: 'timeout', agent_unknown: 'agent_unknown' } as const

function answered(
  turn: Turn,
  { text, files = [], search }: Extract<RunEnd, { kind: 'answered' }>,
  translate: Translate,
): Ending {
  const { reasoning, plain } = splitReasoning(text)
  const hasFiles = files.length > 0 || (search !== undefined && search.named.length > 0)
  if ((!isVisible(plain) || isSentinel(plain)) && !hasFiles) return { end: 'empty', text: translate({ key: 'empty' }) }
  const said = isSentinel(plain) ? '' : plain
  return { end: 'answered', text: said, reasoning: presentReasoning(reasoning, turn.thoughts), files }
}

/** What a run that did not end well had said until then. */
function saidBy(turn: Turn, text: string): string {
  return splitReasoning(text || turn.answer).plain
}

/** A sentence behind a text, outside of its code, or alone. */
export function after(text: string, sentence: string): string {
  return isVisible(text) ? `${text}${closingOf(text)}\n\n${sentence}` : sentence
}
