import type { Ask } from '../../domain/agent.ts'
import type { HistoryContext } from './history.ts'
import type { Run } from './run.ts'

/** What an ask carries from look to look. */
export interface AskState {
  readonly ask: Ask
  readonly run: Run
  readonly signal: AbortSignal
  asked: { readonly at: number; readonly bootId: string } | undefined
  /** The boot that took the question from this process. */
  takenBy: string | undefined
  reloads: number
  /** How often the link broke while its attachments were on their way. */
  breaks: number
}

/** The answer to a command that no run has given: it has no files. */
export function isGatewayText({ ask, run }: AskState): boolean {
  return ask.isCommand === true && run.ending === undefined
}

/** Whether it is too late for a first ask. */
export function isLate({ ask, asked }: AskState, now: number): boolean {
  return now >= ask.askBefore && asked === undefined
}

export function historyContextOf({ ask, run, asked, takenBy }: AskState, bootId: string, now: number): HistoryContext {
  return {
    key: ask.key,
    runIds: run.runIds,
    now,
    bootId,
    isTaken: takenBy === bootId,
    quietSince: run.quietSince,
    mayGetFiles: run.mayGetFiles,
    ...(asked && { asked }),
    ...(run.emptyEndAt !== undefined && { emptyEndAt: run.emptyEndAt }),
  }
}
