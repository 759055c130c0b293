import type { reportStatus } from '../status.ts'
import { askDaemon, daemonFlags, daemonUsage } from './daemon.ts'
import type { CliIo } from './io.ts'
import { alwaysUsage, exitCodes, parseCommand } from './usage.ts'

const usage = [
  'usage: wecomd status [--config FILE] [--json]',
  '',
  'Shows what the running daemon does: accounts, gateway link, open turns, deliveries.',
  '',
  ...daemonUsage,
  ...alwaysUsage,
]

type Status = Awaited<ReturnType<typeof reportStatus>>

/** `wecomd status`: 0 when the daemon is ready, 1 when it is not, 4 when none answers. */
export async function status(args: readonly string[], io: CliIo): Promise<number> {
  const command = parseCommand(args, io, { usage, flags: daemonFlags, positionals: 0 })
  if (command.exit !== undefined) return command.exit
  // The daemon is of the same release; fields that an older one lacks are shown as missing.
  const found = (await askDaemon('/api/status', command.values, io)) as Status
  if (command.values.json) io.out(JSON.stringify(found))
  else for (const line of describe(found)) io.out(line)
  return found.ready ? exitCodes.ok : exitCodes.failed
}

function describe(found: Status): readonly string[] {
  return [
    `wecomd ${found.version} on ${found.node}, ${found.ready ? 'ready' : 'NOT READY'}, up since ${formatTime(found.startedAt)}`,
    '',
    ...Object.entries(found.components).flatMap(([name, component]) => describeComponent(name, component)),
    ...found.accounts.flatMap(describeAccount),
    `turns     open ${found.turns?.open ?? '?'}, waiting ${found.turns?.waiting ?? '?'}, asking ${found.turns?.asking ?? '?'}`,
    `outbox    queued ${found.outbox?.queued ?? '?'}, held ${found.outbox?.held ?? '?'}`,
    `dead      ${found.dead ?? '?'}`,
  ]
}

function describeComponent(name: string, component: Status['components']['store']): readonly string[] {
  const line = `${name.padEnd(9)} ${component.state}${component.reason === undefined ? '' : `: ${component.reason}`}`
  return component.hint === undefined ? [line] : [line, `          → ${component.hint}`]
}

function describeAccount({ id, enabled, bot }: Status['accounts'][number]): readonly string[] {
  if (bot === undefined) return []
  const seen = bot.lastCallbackAt === undefined ? 'no callback yet' : `last callback ${formatTime(bot.lastCallbackAt)}`
  const failed = bot.lastSignatureFailureAt
  return [
    `account   ${id}${enabled ? '' : ' (disabled)'}: bot ${bot.paths.join(' ')}, ${seen}`,
    ...(failed === undefined ? [] : [`          → last wrong signature ${formatTime(failed)}: is bot.token right?`]),
  ]
}

function formatTime(at: number): string {
  return `${new Date(at).toISOString().replace('T', ' ').slice(0, 19)} UTC`
}
