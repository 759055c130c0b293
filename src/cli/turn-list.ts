import { type Static, Type } from '@sinclair/typebox'
import { askDaemon } from './daemon.ts'
import { exitCodes } from './exit-codes.ts'
import { time } from './report.ts'
import type { Call } from './table/commands.ts'
import type { Terminal } from './terminal.ts'
import { statusTexts } from './texts/status.ts'
import { traceTexts } from './texts/trace.ts'

const listed = 20
/** The daemon looks at a part of its messages for each page. */
const mostPages = 10

const nullable = <Schema extends ReturnType<typeof Type.String | typeof Type.Number>>(schema: Schema) =>
  Type.Union([schema, Type.Null()])
const turn = Type.Object({
  short: Type.String(),
  user: Type.String(),
  chat: nullable(Type.String()),
  origin: Type.String(),
  state: Type.String(),
  end: nullable(Type.String()),
  cause: nullable(Type.String()),
  at: time,
  tookMs: nullable(Type.Number()),
})
const page = Type.Object({ turns: Type.Array(turn), cursor: nullable(Type.String()) })

type Page = Static<typeof page>

/** `wecomd trace` without an ID: the newest turns, one per line. */
export async function listTurns(values: Call<'trace'>['values'], terminal: Terminal): Promise<number> {
  const texts = traceTexts[terminal.language]
  const filter = { ...(values.failed && { end: 'failed' }), ...(values.user !== undefined && { user: values.user }) }
  const found = await readPages(filter, values, terminal)
  if (values.json) terminal.out(JSON.stringify(found))
  else if (found.turns.length === 0) terminal.out(Object.keys(filter).length === 0 ? texts.none : texts.noneMatch)
  else for (const line of found.turns.map(one => describe(one, terminal))) terminal.out(line)
  return exitCodes.ok
}

async function readPages(
  filter: Readonly<Record<string, string>>,
  values: Call<'trace'>['values'],
  terminal: Terminal,
): Promise<Page> {
  let found: Page = { turns: [], cursor: null }
  for (let pages = 0; pages < mostPages; pages++) {
    const limit = String(listed - found.turns.length)
    const query = new URLSearchParams({ ...filter, limit, ...(found.cursor !== null && { cursor: found.cursor }) })
    const next = await askDaemon(`/api/turns?${query.toString()}`, page, values, terminal)
    found = { turns: [...found.turns, ...next.turns], cursor: next.cursor }
    if (found.cursor === null || found.turns.length >= listed) break
  }
  return found
}

function describe({ short, at, user, chat, state, end, cause, tookMs }: Page['turns'][number], terminal: Terminal) {
  const { paint, formatTime, language } = terminal
  const outcome = end ?? state
  const colour = end === 'answered' ? paint.good : end === 'failed' ? paint.bad : paint.warn
  const took = tookMs === null ? '' : traceTexts[language].took((tookMs / 1000).toFixed(1))
  const why = cause === null ? '' : (statusTexts[language].causes[cause] ?? cause)
  const parts = [
    paint.bold(short),
    formatTime(at),
    colour(outcome.padEnd(9)),
    took.padStart(8),
    user,
    chat ?? '',
    paint.dim(why),
  ]
  return parts.filter(part => part.trim() !== '').join('  ')
}
