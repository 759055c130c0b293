import type { Ask } from '../../domain/agent.ts'
import type { HistoryContext } from './history.ts'
import type { Run } from './run.ts'

/** The state of one ask between two reads of the history. */
export interface AskState {
  readonly ask: Ask
  readonly run: Run
  readonly signal: AbortSignal
  /** The last durable mark: when the question was sent, and to which boot. */
  asked: { readonly at: number; readonly bootId: string } | undefined
  /** The boot that acknowledged the question to this process. */
  acceptedBy: string | undefined
  /** The key that it acknowledged. */
  acceptedKey?: string
  /** Refusals because the gateway did not know the agent yet. */
  reloads: number
  /** Times the link broke while the attachments were being sent. */
  breaks: number
}

/** True for a command answered by the gateway itself, without a run. Such a reply has no files. */
export function isCommandReply({ ask, run }: AskState): boolean {
  return ask.isCommand === true && run.lifecycleEnd === undefined
}

/** True when the question was never asked and its deadline has passed. */
export function isExpired({ ask, asked }: AskState, now: number): boolean {
  return now >= ask.askBefore && asked === undefined
}

/** The context in which `nextStep` reads the history. */
export function historyContextOf(
  { ask, run, asked, acceptedBy, acceptedKey }: AskState,
  bootId: string,
  now: number,
): HistoryContext {
  return {
    key: ask.key,
    runIds: run.runIds,
    now,
    bootId,
    superseded: run.superseded,
    ...(acceptedBy === bootId && acceptedKey !== undefined && { acceptedKey }),
    quietSince: run.quietSince,
    mayGetFiles: run.mayGetFiles,
    ...(asked && { asked }),
    ...(run.emptyEndAt !== undefined && { emptyEndAt: run.emptyEndAt }),
  }
}
