import { type Static, Type } from '@sinclair/typebox'
import { WecomdError } from '../errors.ts'
import { lookUp } from './daemon.ts'
import { exitCodes } from './exit-codes.ts'
import { describeWaits, time, waits } from './report.ts'
import type { Call } from './table/commands.ts'
import type { Terminal } from './terminal.ts'
import { listTurns } from './turn-list.ts'
import { deliveryTexts } from './texts/delivery.ts'
import { traceTexts } from './texts/trace.ts'

/** `wecomd trace [ID]`: 1 when no message or several have the id, 4 when no daemon answers. */
export async function trace({ values, positionals }: Call<'trace'>, terminal: Terminal): Promise<number> {
  const { id } = positionals
  if (id === undefined || values.failed || values.user !== undefined) return await listTurns(values, terminal)
  const found = await lookUp(`/api/trace/${encodeURIComponent(id)}`, messageTrace, values, terminal)
  if (found === undefined) throw new WecomdError('not_found', traceTexts[terminal.language].unknownId(id))
  if (values.json) terminal.out(JSON.stringify(found))
  else for (const line of describe(found, terminal)) terminal.out(line)
  return exitCodes.ok
}

const messageTrace = Type.Object({
  id: Type.String(),
  short: Type.Optional(Type.String()),
  origin: Type.Optional(Type.String()),
  account: Type.String(),
  state: Type.String(),
  end: Type.Optional(Type.String()),
  sender: Type.Optional(Type.String()),
  conversation: Type.Optional(Type.String()),
  to: Type.Optional(Type.String()),
  events: Type.Array(Type.Object({ at: time, kind: Type.String() })),
  waits: Type.Optional(waits),
})

type MessageTrace = Static<typeof messageTrace>

function describe(trace: MessageTrace, terminal: Terminal): readonly string[] {
  const { id, short, origin, account, state, end, events, waits } = trace
  const { formatTime, formatClock, language, paint } = terminal
  const texts = traceTexts[language]
  const first = events[0]?.at
  return [
    paint.bold(texts.head(id, deliveryTexts[language].states[state] ?? state, end)),
    [texts.account(partiesOf(trace, terminal), account), ...(short === undefined ? [] : [texts.short(short)])].join(
      texts.comma,
    ),
    ...(origin === 'agent' ? [texts.unasked] : []),
    ...(first === undefined ? [] : [formatTime(first)]),
    '',
    ...events.map(({ at, kind, ...details }) => {
      const offset = `+${((at - (first ?? at)) / 1000).toFixed(3)} s`
      const step = `${formatClock(at)} ${offset.padStart(12)}  ${kind.padEnd(15)}`
      return `${step} ${paint.dim(formatDetails(details))}`.trimEnd()
    }),
    ...(waits === undefined ? [] : ['', describeWaits(waits, terminal)]),
    ...(waits?.hint === undefined ? [] : [`→ ${waits.hint}`]),
  ]
}

function partiesOf({ sender, conversation, to }: MessageTrace, { language }: Terminal): string {
  const texts = traceTexts[language]
  return sender === undefined ? texts.to(to) : texts.from(sender, conversation ?? '')
}

function formatDetails(details: Readonly<Record<string, unknown>>): string {
  return Object.entries(details)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}
