import { isCode } from '../../errors.ts'
import type { Connection } from '../link/socket.ts'
import { type Json, objectAt } from '../link/frames.ts'
import { decodeHistory, type History, type HistoryRow, textOf } from './history-rows.ts'
import { GatewayRefusal } from '../link/rpc.ts'

/** Rows to request from the history, and `maxChars` for a single message (the gateway's maximum). */
const historyRows = 100
const wholeMessageChars = 2_000_000

/** Pause between two reads of the history while no events are expected. */
export const pollMs = 1_500

/** Reads the newest rows of a session. Rejects like `Connection.request`. */
export async function readHistory(connection: Connection, sessionKey: string): Promise<History> {
  return decodeHistory(await connection.request('chat.history', { sessionKey, limit: historyRows }))
}

/**
 * The full text of a row. `chat.history` truncates long messages; `chat.message.get` returns one message whole. Falls
 * back to the truncated text when the gateway refuses.
 */
export async function readWholeText(connection: Connection, sessionKey: string, row: HistoryRow): Promise<string> {
  if (row.id === undefined) return row.text
  const params: Json = { sessionKey, messageId: row.id, maxChars: wholeMessageChars }
  const payload = await connection.request('chat.message.get', params).catch(error => {
    if (error instanceof GatewayRefusal) return undefined
    throw error
  })
  return payload?.['ok'] === true ? textOf(objectAt(payload, 'message')) || row.text : row.text
}

/** Milliseconds until a failed read should be retried; undefined when the error is final. */
export function retryDelay(error: unknown): number | undefined {
  if (isCode(error, 'gateway_down') || isCode(error, 'gateway_timeout')) return pollMs
  return error instanceof GatewayRefusal ? error.retryAfterMs : undefined
}
