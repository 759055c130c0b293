import { createHash } from 'node:crypto'
import type { Conversation } from './message.ts'

/**
 * The gateway's key of a conversation (`definitions.md` 6): `agent:<agentId>:wecom:<account>:<direct|group>:<id>`.
 * The gateway lower-cases keys while chat ids are case-sensitive, so a chat id with capitals gets a hash of its exact
 * spelling; user ids are case-insensitive and only lower-cased.
 */
export function formatSessionKey(agentId: string, conversation: Conversation): string {
  const { account, kind, id } = conversation
  const lower = id.toLowerCase()
  const unique = kind === 'group' && lower !== id ? `${lower}-${sha256(id).slice(0, 8)}` : lower
  return `agent:${agentId}:wecom:${account}:${kind}:${unique}`
}

/** The id of a turn is the gateway's idempotencyKey and runId; msgids are unique per account only. */
export function formatTurnId(account: string, msgid: string): string {
  return `wecom:${account}:${msgid}`
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
