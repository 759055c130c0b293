import { isCode } from '../../errors.ts'
import type { Connection } from '../link/socket.ts'
import { type Json, objectAt } from '../link/frames.ts'
import { decodeHistory, type History, type HistoryRow, textOf } from './history.ts'
import { GatewayRefusal } from '../link/rpc.ts'

/** Rows asked of the history; `maxChars` of one message (the gateway allows two million). */
const historyRows = 100
const wholeMessageChars = 2_000_000

/** How long to look away while only the history can tell. */
export const lookMs = 1_500

export async function readHistory(connection: Connection, sessionKey: string): Promise<History> {
  return decodeHistory(await connection.request('chat.history', { sessionKey, limit: historyRows }))
}

/** `chat.history` cuts long messages short; one message alone comes whole. */
export async function readWholeText(connection: Connection, sessionKey: string, row: HistoryRow): Promise<string> {
  if (row.id === undefined) return row.text
  const params: Json = { sessionKey, messageId: row.id, maxChars: wholeMessageChars }
  const payload = await connection.request('chat.message.get', params).catch(error => {
    if (error instanceof GatewayRefusal) return undefined
    throw error
  })
  return payload?.['ok'] === true ? textOf(objectAt(payload, 'message')) || row.text : row.text
}

/** When to look again after what is no last word; undefined when it is one. */
export function retryIn(error: unknown): number | undefined {
  if (isCode(error, 'gateway_down') || isCode(error, 'gateway_timeout')) return lookMs
  return error instanceof GatewayRefusal ? error.retryAfterMs : undefined
}
