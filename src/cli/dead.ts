import type { DeliveryReport } from '../bridge/journey.ts'
import { askDaemon, daemonFlags, daemonUsage, refuse, tellDaemon } from './daemon.ts'
import type { CliIo } from './io.ts'
import { alwaysUsage, exitCodes, parseCommand, usageError } from './usage.ts'

const usage = [
  'usage: wecomd dead list | retry ID | drop ID [--config FILE] [--json]',
  '',
  'Deliveries that gave up: which they are, one tried again, one taken off the list.',
  '',
  ...daemonUsage,
  ...alwaysUsage,
]

/** `wecomd dead`: 1 when the id is not of a dead delivery or no way is left, 4 when no daemon answers. */
export async function dead(args: readonly string[], io: CliIo): Promise<number> {
  const command = parseCommand(args, io, { usage, flags: daemonFlags, positionals: 2 })
  if (command.exit !== undefined) return command.exit
  const { values } = command
  const [verb = 'list', id] = command.positionals
  if (verb === 'list' && id === undefined) return await list(values, io)
  if ((verb !== 'retry' && verb !== 'drop') || id === undefined) {
    return usageError(io, 'dead needs list, retry ID or drop ID', usage)
  }
  const path = `/api/dead/${encodeURIComponent(id)}`
  const answer = await (verb === 'retry'
    ? tellDaemon(`${path}/retry`, {}, values, io)
    : tellDaemon(path, {}, values, io, 'DELETE'))
  if ('error' in answer) return refuse(answer.error, values, io)
  // The daemon is of the same release.
  const done = answer.body as { id: string }
  if (values.json) io.out(JSON.stringify(done))
  else io.out(verb === 'retry' ? `tried again as ${done.id}` : `dropped ${done.id}`)
  return exitCodes.ok
}

async function list(
  values: Parameters<typeof askDaemon>[1] & { json?: boolean | undefined },
  io: CliIo,
): Promise<number> {
  // The daemon is of the same release.
  const found = (await askDaemon('/api/dead', values, io)) as { dead: readonly DeliveryReport[] }
  if (values.json) io.out(JSON.stringify(found))
  else if (found.dead.length === 0) io.out('no delivery has given up')
  else for (const report of found.dead) for (const line of describe(report)) io.out(line)
  return exitCodes.ok
}

function describe(report: DeliveryReport): readonly string[] {
  const last = report.attempts.at(-1)
  const said =
    last?.errmsg === undefined ? '' : `: ${last.errcode === undefined ? '' : `${last.errcode} `}${last.errmsg}`
  const at = new Date(report.createdAt).toISOString().replace('T', ' ').slice(0, 19)
  return [
    report.id,
    `  ${at} UTC  ${report.kind}${report.to === undefined ? '' : ` to ${report.to}`}, ${report.state}${said}`,
    ...(last?.hint === undefined ? [] : [`  → ${last.hint}`]),
  ]
}
