import type { AgentFile, FileSearch, FilesFound } from '../../domain/agent.ts'
import { messageOf } from '../../errors.ts'
import type { Log } from '../../world.ts'
import { type Json, objectAt, stringAt, stringsAt } from '../link/frames.ts'
import type { Connection } from '../link/socket.ts'
import { answerRows } from './history.ts'
import { type HistoryRow } from './history-rows.ts'
import { readHistory, retryDelay } from './history-look.ts'

/** The gateway truncates `terminalReply` to this many characters. */
const terminalReplyChars = 4_096

/** The part of a run's `lifecycle` end event that shows whether files may follow. */
export interface LifecycleEnd {
  /** The answer as the model wrote it, including its `MEDIA:` lines; truncated to 4,096 characters. */
  readonly reply: string
  readonly usedTools: boolean
}

/** Decodes the data of a `lifecycle` event; undefined unless it ends a run with a reply. */
export function decodeLifecycleEnd(data: Json): LifecycleEnd | undefined {
  if (data['phase'] !== 'end' || data['terminalReply'] === undefined) return undefined
  return {
    reply: stringAt(objectAt(data, 'terminalReply'), 'text') ?? '',
    usedTools: stringsAt(objectAt(data, 'terminalReceipt'), 'successfulToolNames').length > 0,
  }
}

/**
 * The files to expect after the end of a run; undefined when none can come. A run that used a tool may have made files
 * without naming them. When the end was missed or its reply is truncated, anything is possible.
 */
export function expectFiles(end: LifecycleEnd | undefined, text: string): Omit<FileSearch, 'runIds'> | undefined {
  if (end === undefined) return { named: [], others: 'possible' }
  const named = namedFiles(end, text)
  if (isTruncated(end)) return { named, others: 'possible' }
  if (named.length > 0) return { named, others: 'none' }
  return end.usedTools ? { named, others: 'unlikely' } : undefined
}

/**
 * The names of the files in the reply. The gateway removes the `MEDIA:` line of a real file from the text, but keeps one
 * that is only quoted, for example in a code block.
 */
export function namedFiles(end: LifecycleEnd, text: string): readonly string[] {
  const quoted = mediaLines(text)
  const lines = mediaLines(end.reply)
  if (!isTruncated(end) && lines.length <= quoted.length) return []
  const real = lines.filter(line => {
    const at = quoted.indexOf(line)
    if (at !== -1) quoted.splice(at, 1)
    return at === -1
  })
  // The last line may have lost the end of its name.
  const isCut = isTruncated(end) && real.at(-1) === end.reply.split('\n').at(-1)?.trim()
  const paths = (isCut ? real.slice(0, -1) : real).flatMap(pathsIn)
  return [...new Set(paths)].map(baseName)
}

function isTruncated({ reply }: LifecycleEnd): boolean {
  return reply.length >= terminalReplyChars
}

function mediaLines(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => /^MEDIA:/i.test(line))
}

const beginsPath = /^[`"'[{(]*(?:[~/\\]|\.{1,2}[/\\]|[a-z][a-z\d+.-]*:)/i
const hasExtension = /\.\w{1,10}[`"'\\})\],]*$/

/** The paths of a `MEDIA:` line: a quoted one, or several separated by blanks, each of which may have blanks of its own. */
function pathsIn(line: string): readonly string[] {
  return line.split(/\bMEDIA:\s*/i).flatMap(payload => {
    const quoted = /^(["'`])(.+)\1$/.exec(payload.trim())?.[2]
    if (quoted !== undefined) return [quoted]
    const paths: string[] = []
    for (const word of payload.split(/\s+/).filter(part => part !== '')) {
      const before = paths.at(-1)
      const isNext =
        before === undefined || beginsPath.test(word) || (hasExtension.test(before) && hasExtension.test(word))
      if (isNext) paths.push(word)
      else paths[paths.length - 1] = `${before} ${word}`
    }
    return paths.map(path => path.replace(/^[`"'[{(]+|[`"'\\})\],]+$/g, ''))
  })
}

function baseName(path: string): string {
  const isUrl = /^https?:/i.test(path)
  const name = (isUrl ? path.replace(/[?#].*$/s, '') : path).split(/[\\/]/).at(-1)
  return name || 'file'
}

/** All files of the rows in order, without duplicates. */
export function filesOf(rows: readonly HistoryRow[]): readonly AgentFile[] {
  const files = rows.flatMap(row => row.files)
  return files.filter(({ id }, at) => id === undefined || files.findIndex(other => other.id === id) === at)
}

/** Reads the files of an answer from the history. A gateway that refuses has none. */
export async function findFiles(
  connection: Connection,
  log: Log,
  { key, sessionKey, runIds }: { key: string; sessionKey: string; runIds: readonly string[] },
): Promise<FilesFound> {
  try {
    const history = await readHistory(connection, sessionKey)
    return { kind: 'found', files: filesOf(answerRows(history, { key, runIds: new Set([key, ...runIds]) })) }
  } catch (error) {
    const retryAfterMs = retryDelay(error)
    if (retryAfterMs !== undefined) return { kind: 'later', retryAfterMs }
    log.warn('the files of an answer could not be looked up', { turn: key, error: messageOf(error) })
    return { kind: 'found', files: [] }
  }
}
