import type { AgentFile } from '../../domain/agent.ts'
import { type Json, objectAt, stringAt, stringsAt } from '../link/frames.ts'
import type { HistoryRow } from './history.ts'

/** The reply in a run's last event is cut here. */
const replyChars = 4_096
/** From the end of a run to the files in its row: 100-700 ms on the real gateway. */
const firstLookMs = 150
const nextLookMs = 250
const looksForKnown = 8
const looksForUntold: readonly number[] = [300, 700]
const looksForPossible: readonly number[] = [300]

/** What the last event of a run says of files that may follow. */
export interface Ending {
  /** The answer as the model wrote it, with the lines that name its files. */
  readonly reply: string
  readonly usedTools: boolean
}

/** Of a `lifecycle` event; undefined while the run is not over. */
export function decodeEnding(data: Json): Ending | undefined {
  if (data['phase'] !== 'end' || data['terminalReply'] === undefined) return undefined
  return {
    reply: stringAt(objectAt(data, 'terminalReply'), 'text') ?? '',
    usedTools: stringsAt(objectAt(data, 'terminalReceipt'), 'successfulToolNames').length > 0,
  }
}

/** Whether files were named that are not in the text any more, as the gateway leaves those that are only quoted. */
export function namesFiles({ reply }: Ending, text: string): boolean {
  return mediaLines(reply) > mediaLines(text)
}

function mediaLines(text: string): number {
  return text.match(/^[ \t]*MEDIA:/gm)?.length ?? 0
}

/** How long to wait before each look for files after the end of a run; empty when none can come. */
export function pausesFor(ending: Ending | undefined, text: string): readonly number[] {
  if (ending === undefined) return looksForUntold
  if (namesFiles(ending, text)) {
    return Array.from({ length: looksForKnown }, (_, look) => (look === 0 ? firstLookMs : nextLookMs))
  }
  if (ending.reply.length >= replyChars) return looksForUntold
  return ending.usedTools ? looksForPossible : []
}

/** Looks at the rows of an answer until the last of them has files, as often as there are pauses. */
export async function findFiles(
  pauses: readonly number[],
  pause: (ms: number) => Promise<unknown>,
  look: () => Promise<readonly HistoryRow[]>,
): Promise<readonly AgentFile[]> {
  let rows: readonly HistoryRow[] = []
  for (const ms of pauses) {
    await pause(ms)
    rows = await look()
    if (hasFiles(rows.at(-1))) break
  }
  return filesOf(rows)
}

export function hasFiles(row: HistoryRow | undefined): boolean {
  return row !== undefined && row.files.length > 0
}

/** Each once, in order. */
export function filesOf(rows: readonly HistoryRow[]): readonly AgentFile[] {
  const files = rows.flatMap(row => row.files)
  return files.filter(({ id }, at) => id === undefined || files.findIndex(other => other.id === id) === at)
}
