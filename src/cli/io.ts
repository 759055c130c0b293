import type { LogStyle, World } from '../world.ts'

/** What a command sees of the process. Its exit code is what it returns. */
export interface CliIo {
  out(line: string): void
  err(line: string): void
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Whether standard output, and standard error, is a terminal. */
  readonly isTty: boolean
  readonly isErrTty: boolean
  /** The words that call this program in a shell, for commands that are printed to be pasted. */
  readonly program: readonly string[]
  /** The doors to the outside, for commands that need them; log lines go to standard output. The style may change later. */
  openWorld(log: LogStyle): World
  /** All of standard input. */
  readInput(): Promise<Uint8Array>
  /**
   * Resolves when the process is asked to stop, with the name of the signal. What lives with its terminal stops when that
   * goes; a daemon has `hangup` instead, which is called at each SIGHUP.
   */
  untilStopped(hangup?: () => void): Promise<string>
}
