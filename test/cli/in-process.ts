import { dispatch } from '../../src/cli/dispatch.ts'
import type { CliIo } from '../../src/cli/io.ts'

export interface Printed {
  readonly code: number
  readonly out: readonly string[]
  readonly err: readonly string[]
}

/** Runs a command that opens no doors in this process; `more` replaces parts of what it sees. */
export async function dispatchHere(args: readonly string[], more: Partial<CliIo> = {}): Promise<Printed> {
  const out: string[] = []
  const err: string[] = []
  const { code } = await dispatch(args, {
    out: line => void out.push(line),
    err: line => void err.push(line),
    env: {},
    cwd: '/',
    isTty: false,
    isErrTty: false,
    program: ['wecomd'],
    openWorld: () => {
      throw new Error('an offline command opens no doors')
    },
    readInput: async () => new Uint8Array(),
    untilStopped: () => new Promise<string>(() => {}),
    ...more,
  })
  return { code, out, err }
}
