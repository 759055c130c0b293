import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** What a soak is about; another plan begins from the start. */
export interface Plan {
  readonly name: string
  readonly commit: string
  readonly runs: number
  readonly seed: number
  /** Test files of a `load`. */
  readonly files: readonly string[]
}

export interface Failure {
  readonly what: string
  /** The command that shows it again. */
  readonly again: string
}

/** How far a soak came. */
export interface Progress {
  readonly plan: Plan
  readonly piecesDone: number
  readonly runsDone: number
  readonly seconds: number
  readonly failures: readonly Failure[]
}

/** Reads what an interrupted soak of the same plan has kept; else begins. */
export function loadProgress(file: string, plan: Plan): Progress {
  const begun: Progress = { plan, piecesDone: 0, runsDone: 0, seconds: 0, failures: [] }
  if (!existsSync(file)) return begun
  const kept = JSON.parse(readFileSync(file, 'utf8')) as Progress // written by `saveProgress`
  return Bun.deepEquals(kept.plan, plan) ? kept : begun
}

/** Writes to another file first, so that a soak that is killed meanwhile loses no more than its last piece. */
export function saveProgress(file: string, progress: Progress): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.new`, `${JSON.stringify(progress, null, 2)}\n`)
  renameSync(`${file}.new`, file)
}
