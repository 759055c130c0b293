import { createHash } from 'node:crypto'
import { type DynamicAgentRules, formatDynamicAgentId } from './dynamic-agent.ts'
import type { Conversation } from './message.ts'
import { bareUserId, listsUser } from './policy.ts'

/**
 * Returns the gateway's session key of a conversation: `agent:<agentId>:wecom:<account>:<direct|group>:<id>`.
 *
 * The gateway lower-cases keys, but chat ids are case-sensitive. A chat id with capitals therefore gets a hash of its
 * exact spelling, and so does one that already ends like a hash. User ids are case-insensitive and only lower-cased.
 */
export function formatSessionKey(agentId: string, conversation: Conversation): string {
  return `agent:${agentId}:wecom:${formatPlace(conversation)}`
}

/** Returns the lane of a conversation. Its questions are asked one at a time, even if different agents answer them. */
export function formatLane(conversation: Conversation): string {
  return `chat:${formatPlace(conversation)}`
}

function formatPlace({ account, kind, id }: Conversation): string {
  const lower = id.toLowerCase()
  const isHashed = kind === 'group' && (lower !== id || /-[0-9a-f]{8}$/.test(id))
  const unique = isHashed ? `${lower}-${sha256(id).slice(0, 8)}` : lower
  return `${account}:${kind}:${unique}`
}

/** Returns the account in a session key; undefined for a session of another channel. */
export function accountOfSession(sessionKey: string): string | undefined {
  const [, , channel, account] = sessionKey.split(':')
  return channel === 'wecom' ? account : undefined
}

/** Returns a turn's id, which is also the gateway's idempotencyKey and runId. Msgids are unique per account only. */
export function formatTurnId(account: string, msgid: string): string {
  return `wecom:${account}:${msgid}`
}

/** True for the id of a turn that a message opened. */
export function isTurnId(id: string): boolean {
  return id.startsWith('wecom:')
}

/** Returns the id of the turn that holds what a run said without being asked. */
export function formatUnaskedId(runId: string): string {
  return `unasked:${runId}`
}

/** The conversation of a session key, as far as the key tells: a user, or a chat id that may be spelled differently. */
export function conversationOfSession(sessionKey: string): Conversation | undefined {
  const [, , channel, account, kind, ...id] = sessionKey.split(':')
  if (channel !== 'wecom' || account === undefined || (kind !== 'direct' && kind !== 'group')) return undefined
  return { account, kind, id: id.join(':') }
}

/**
 * The id of a turn's stream: its place in the queue, which is also its row, and a token that nobody can guess. A refresh
 * then reads one row, and no index over stream ids is kept.
 */
export function formatStreamId(order: number, token: string): string {
  return `st-${order.toString(36)}-${token}`
}

/** The place in the queue that a stream id names; undefined for every other id. */
export function orderOfStream(streamId: string): number | undefined {
  const [, order] = /^st-([0-9a-z]{1,11})-/.exec(streamId) ?? []
  return order === undefined ? undefined : Number.parseInt(order, 36)
}

/** Assigns conversations to an agent, in the format of OpenClaw's config file. */
export interface Binding {
  readonly agentId: string
  readonly match: {
    readonly accountId?: string
    readonly peer?: { readonly kind: 'direct' | 'group'; readonly id: string }
  }
}

/**
 * The bound agent and how specific the matching rule is. `kind` is a peer of `*`; `index` is the index in `bindings`.
 */
type Bound =
  | { readonly agentId: string; readonly rule: 'peer' | 'kind' | 'account' | 'channel'; readonly index: number }
  | { readonly agentId: string; readonly rule: 'default' }

/** The agent that answers. `fallbackAgentId` is the bound agent, which answers if the dynamic one can't be created. */
export type Routed = Bound | { readonly agentId: string; readonly rule: 'dynamic'; readonly fallbackAgentId: string }

export interface Routes {
  readonly bindings: readonly Binding[]
  /** The agent for conversations without a matching binding. */
  readonly fallback: string
  readonly dynamic?: DynamicAgentRules
}

/**
 * Chooses the agent for a sender's message. A binding of this very user or group wins, then a dynamic agent, then any
 * less specific binding.
 */
export function routeOf({ bindings, fallback, dynamic }: Routes, conversation: Conversation, sender: string): Routed {
  const bound = boundTo(bindings, fallback, conversation)
  if (bound.rule === 'peer' || dynamic === undefined || !hasOwnAgent(dynamic, conversation, sender)) return bound
  return { agentId: formatDynamicAgentId(conversation), rule: 'dynamic', fallbackAgentId: bound.agentId }
}

function hasOwnAgent(dynamic: DynamicAgentRules, { kind }: Conversation, sender: string): boolean {
  if (!dynamic.enabled || listsUser(dynamic.adminUsers, sender)) return false
  return kind === 'direct' ? dynamic.dmCreateAgent : dynamic.groupEnabled
}

/** The most specific matching binding, the first of equal ones; without a match, the default agent. */
function boundTo(bindings: readonly Binding[], fallback: string, conversation: Conversation): Bound {
  let best: { readonly index: number; readonly weight: number } | undefined
  for (const [index, binding] of bindings.entries()) {
    const weight = weightOf(binding)
    if (fits(binding, conversation) && weight > (best?.weight ?? -1)) best = { index, weight }
  }
  const agentId = bindings[best?.index ?? -1]?.agentId
  if (best === undefined || agentId === undefined) return { agentId: fallback, rule: 'default' }
  return { agentId, rule: rules[best.weight] ?? 'channel', index: best.index }
}

const rules = ['channel', 'account', 'kind', 'kind', 'peer', 'peer'] as const

/**
 * From the most to the least specific: one peer, every peer of a kind (`*`), an account. An `accountId` breaks ties.
 */
function weightOf({ match: { peer, accountId = '*' } }: Binding): number {
  return (peer === undefined ? 0 : peer.id === '*' ? 2 : 4) + (accountId === '*' ? 0 : 1)
}

/** A missing `accountId` matches every account, as `*` does. User ids are case-insensitive, chat ids are not. */
function fits({ match: { accountId = '*', peer } }: Binding, { account, kind, id }: Conversation): boolean {
  if (accountId !== '*' && accountId !== account) return false
  if (peer === undefined) return true
  if (peer.kind !== kind) return false
  if (peer.id === '*') return true
  return kind === 'direct' ? bareUserId(peer.id).toLowerCase() === id.toLowerCase() : peer.id === id
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
