import { Type } from '@sinclair/typebox'
import { askDaemon, daemonFlags, daemonUsage, refuse, tellDaemon } from './daemon.ts'
import type { CliIo } from './io.ts'
import { type PrintedDelivery, deliveryReport, describeOutcome, formatTime } from './report.ts'
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
    ? tellDaemon(`${path}/retry`, {}, oneId, values, io)
    : tellDaemon(path, {}, oneId, values, io, 'DELETE'))
  if ('error' in answer) return refuse(answer.error, values, io)
  const done = answer.body
  if (values.json) io.out(JSON.stringify(done))
  else io.out(verb === 'retry' ? `tried again as ${done.id}` : `dropped ${done.id}`)
  return exitCodes.ok
}

const oneId = Type.Object({ id: Type.String() })
const deadOnes = Type.Object({ dead: Type.Array(deliveryReport) })

async function list(
  values: Parameters<typeof askDaemon>[2] & { json?: boolean | undefined },
  io: CliIo,
): Promise<number> {
  const found = await askDaemon('/api/dead', deadOnes, values, io)
  if (values.json) io.out(JSON.stringify(found))
  else if (found.dead.length === 0) io.out('no delivery has given up')
  else for (const report of found.dead) for (const line of describe(report)) io.out(line)
  return exitCodes.ok
}

function describe(report: PrintedDelivery): readonly string[] {
  const { id, createdAt, kind, to, state } = report
  const what = `${kind}${to === undefined ? '' : ` to ${to}`}`
  return [id, `  ${formatTime(createdAt)}  ${what}, ${state}`, ...describeOutcome(report)]
}
