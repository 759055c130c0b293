import { type Static, Type } from '@sinclair/typebox'
import { daemonFlags, daemonUsage, lookUp } from './daemon.ts'
import type { CliIo } from './io.ts'
import { describeWaits, time, waits } from './report.ts'
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
  const found = await lookUp(`/api/trace/${encodeURIComponent(id)}`, journey, command.values, io)
  if (found === undefined) {
    io.err(`wecomd: nothing is known by the id ${id}`)
    return exitCodes.failed
  }
  if (command.values.json) io.out(JSON.stringify(found))
  else for (const line of describe(found)) io.out(line)
  return exitCodes.ok
}

const journey = Type.Object({
  id: Type.String(),
  account: Type.String(),
  state: Type.String(),
  end: Type.Optional(Type.String()),
  sender: Type.Optional(Type.String()),
  conversation: Type.Optional(Type.String()),
  to: Type.Optional(Type.String()),
  events: Type.Array(Type.Object({ at: time, kind: Type.String() })),
  waits: Type.Optional(waits),
})

type Journey = Static<typeof journey>

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
    ...(journey.waits === undefined ? [] : ['', describeWaits(journey.waits)]),
    ...(journey.waits?.hint === undefined ? [] : [`→ ${journey.waits.hint}`]),
  ]
}

function partiesOf({ sender, conversation, to }: Journey): string {
  return sender === undefined ? `to ${to ?? 'somebody'}` : `from ${sender} in ${conversation}`
}

function formatDetails(details: Readonly<Record<string, unknown>>): string {
  return Object.entries(details)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}
