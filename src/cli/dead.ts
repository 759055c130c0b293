import { type Static, Type } from '@sinclair/typebox'
import { type ApiRefusal, askDaemon, refuse, sendToDaemon } from './daemon.ts'
import { exitCodes } from './exit-codes.ts'
import { deliveryReport, describeOutcome, describeState, type PrintedDelivery } from './report.ts'
import type { Call, Program } from './table/commands.ts'
import type { Terminal } from './terminal.ts'
import { deliveryTexts } from './texts/delivery.ts'

/** `wecomd dead`: 1 when the id is not of a dead letter or no route is left, 4 when no daemon answers. */
export const dead: Program<'dead', Terminal> = {
  async list({ values }, terminal) {
    const found = await askDaemon('/api/dead', deadLetters, values, terminal)
    if (values.json) terminal.out(JSON.stringify(found))
    else if (found.dead.length === 0) terminal.out(deliveryTexts[terminal.language].noDead)
    else for (const line of found.dead.flatMap(report => describe(report, terminal))) terminal.out(line)
    return exitCodes.ok
  },
  async retry(call, terminal) {
    const answer = await sendToDaemon(`${pathOf(call)}/retry`, {}, onlyId, call.values, terminal)
    return printAnswer(answer, deliveryTexts[terminal.language].retried, call, terminal)
  },
  async drop(call, terminal) {
    const answer = await sendToDaemon(pathOf(call), {}, onlyId, call.values, terminal, 'DELETE')
    return printAnswer(answer, deliveryTexts[terminal.language].dropped, call, terminal)
  },
}

const onlyId = Type.Object({ id: Type.String() })
const deadLetters = Type.Object({ dead: Type.Array(deliveryReport) })

type Changing = Call<'dead', 'retry' | 'drop'>

function pathOf({ positionals }: Changing): string {
  return `/api/dead/${encodeURIComponent(positionals.id)}`
}

function printAnswer(
  answer: { body: Static<typeof onlyId> } | { error: ApiRefusal },
  done: (id: string) => string,
  { values }: Changing,
  terminal: Terminal,
): number {
  if ('error' in answer) return refuse(answer.error, values, terminal)
  terminal.out(values.json ? JSON.stringify(answer.body) : done(answer.body.id))
  return exitCodes.ok
}

function describe(report: PrintedDelivery, terminal: Terminal): readonly string[] {
  const { id, createdAt, kind, to, state } = report
  const what = deliveryTexts[terminal.language].kindTo(kind, to, describeState(state, terminal))
  return [terminal.paint.bold(id), `  ${terminal.formatTime(createdAt)}  ${what}`, ...describeOutcome(report, terminal)]
}
