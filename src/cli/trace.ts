import type { Journey } from '../bridge/journey.ts'
import { askDaemon, daemonFlags, daemonUsage } from './daemon.ts'
import type { CliIo } from './io.ts'
import { alwaysUsage, exitCodes, parseCommand, usageError } from './usage.ts'

const usage = [
  'usage: wecomd trace ID [--config FILE] [--json]',
  '',
  'Tells the whole journey of one message. ID is a msgid, the id of a turn or of a delivery,',
  'or the idempotencyKey of something sent first.',
  '',
  ...daemonUsage,
  ...alwaysUsage,
]

/** `wecomd trace ID`: 1 when nothing is known by the id, 4 when no daemon answers. */
export async function trace(args: readonly string[], io: CliIo): Promise<number> {
  const command = parseCommand(args, io, { usage, flags: daemonFlags, positionals: 1 })
  if (command.exit !== undefined) return command.exit
  const [id] = command.positionals
  if (id === undefined) return usageError(io, 'trace needs an id', usage)
  const found = await askDaemon(`/api/trace/${encodeURIComponent(id)}`, command.values, io)
  if (found === undefined) {
    io.err(`wecomd: nothing is known by the id ${id}`)
    return exitCodes.failed
  }
  // The daemon is of the same release and answers with its Journey.
  if (command.values.json) io.out(JSON.stringify(found))
  else for (const line of describe(found as Journey)) io.out(line)
  return exitCodes.ok
}

function describe(journey: Journey): readonly string[] {
  const first = journey.events[0]?.at ?? 0
  return [
    `${journey.id}: ${journey.state}${journey.end === undefined ? '' : ` (${journey.end})`}`,
    `${partiesOf(journey)}, account ${journey.account}`,
    '',
    ...journey.events.map(({ at, kind, ...details }) => {
      const offset = `+${((at - first) / 1000).toFixed(3)} s`
      return `${new Date(at).toISOString().slice(11, 23)} ${offset.padStart(12)}  ${kind.padEnd(15)} ${formatDetails(details)}`.trimEnd()
    }),
  ]
}

function partiesOf({ sender, conversation, to }: Journey): string {
  return sender === undefined ? `to ${to ?? 'somebody'}` : `from ${sender} in ${conversation}`
}

function formatDetails(details: Readonly<Record<string, string | number | boolean | undefined>>): string {
  return Object.entries(details)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}
