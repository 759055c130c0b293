import type { Meter } from '../src/bridge/context.ts'

const silent = () => {}

/** Counts nothing. */
export const silentMeter: Meter = {
  turnEnded: silent,
  turnFailed: silent,
  firstText: silent,
  answered: silent,
  attempt: silent,
  feedback: silent,
}
