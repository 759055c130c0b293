import { build } from '../version.ts'
import type { CliIo } from './io.ts'
import { alwaysUsage, exitCodes, parseCommand } from './usage.ts'

const usage = [
  'usage: wecomd version [--json]',
  '',
  'Prints version, commit, Bun version and target.',
  '',
  ...alwaysUsage,
]

/** `wecomd version`: what this build is, on one line. */
export async function version(args: readonly string[], io: CliIo): Promise<number> {
  const command = parseCommand(args, io, { usage, flags: {}, positionals: 0 })
  if (command.exit !== undefined) return command.exit
  io.out(command.values.json ? JSON.stringify(build) : formatBuild())
  return exitCodes.ok
}

function formatBuild(): string {
  return `wecomd ${build.version} (${build.commit}, bun ${build.bun}, ${build.target})`
}
