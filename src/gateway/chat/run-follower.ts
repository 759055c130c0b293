import type { Ask } from '../../domain/agent.ts'
import type { Standpoint } from './history.ts'
import type { Run } from './run.ts'

/** What an ask carries from look to look. */
export interface Pursuit {
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
export function isWordOfGateway({ ask, run }: Pursuit): boolean {
  return ask.isCommand === true && run.ending === undefined
}

/** Whether it is too late for a first ask. */
export function isLate({ ask, asked }: Pursuit, now: number): boolean {
  return now >= ask.askBefore && asked === undefined
}

export function standpointOf({ ask, run, asked, takenBy }: Pursuit, bootId: string, now: number): Standpoint {
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
