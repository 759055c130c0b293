import { build } from '../version.ts'
import { exitCodes } from './exit-codes.ts'
import type { Call } from './table/commands.ts'
import type { Terminal } from './terminal.ts'

/** `wecomd version`: what this build is, on one line. */
export async function version({ values }: Call<'version'>, { out }: Pick<Terminal, 'out'>): Promise<number> {
  out(values.json ? JSON.stringify(build) : formatBuild())
  return exitCodes.ok
}

function formatBuild(): string {
  return `wecomd ${build.version} (${build.commit}, bun ${build.bun}, ${build.target})`
}
