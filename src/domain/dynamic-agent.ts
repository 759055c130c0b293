import { createHash } from 'node:crypto'
import type { Conversation } from './message.ts'

/**
 * Which users and groups get an agent of their own, created at their first message (`channels.wecom.dynamicAgents`).
 */
export interface DynamicAgentRules {
  readonly enabled: boolean
  readonly dmCreateAgent: boolean
  readonly groupEnabled: boolean
  /** Users who keep talking to the bound agent, in groups too. */
  readonly adminUsers: readonly string[]
}

/** The gateway's limit for agent ids. */
const maxChars = 64
/** How much of a longer id is kept before its hash. */
const headChars = 48

/**
 * Returns the agent id of a user or group: `wecom-dm-<id>` or `wecom-group-<id>`, and in accounts other than `default`
 * `wecom-<account>-dm-<id>`. At most 64 characters of `a-z`, `0-9`, `_` and `-`.
 *
 * No two conversations share an id. A hash of the exact ids is appended wherever they otherwise could: a character was
 * replaced, the id was cut, the account contains a `-`, or the id already ends like a hash. User ids are
 * case-insensitive, chat ids are not.
 */
export function formatDynamicAgentId({ account, kind, id }: Conversation): string {
  const exact = kind === 'direct' ? id.toLowerCase() : id
  const label = kind === 'direct' ? 'dm' : 'group'
  const plain = toPlain(exact)
  const whole = `wecom-${account === 'default' ? label : `${account}-${label}`}-${plain}`
  const isUnique = plain === exact && whole.length <= maxChars && !account.includes('-') && !/-[0-9a-f]{8}$/.test(plain)
  if (isUnique) return whole
  const hash = createHash('sha256').update([account, kind, exact].join('\0')).digest('hex')
  return `${whole.slice(0, headChars)}-${hash.slice(0, 8)}`
}

/** True if an agent id has the form of a dynamic agent's. */
export function isDynamicAgentId(id: string): boolean {
  return /^wecom-(?:[a-z0-9_-]+-)?(?:dm|group)-/.test(id)
}

/** Non-ASCII becomes its code point in hex, so that Chinese ids of the same length differ by more than their hash. */
function toPlain(id: string): string {
  return id
    .toLowerCase()
    .replaceAll(/[^\0-\x7f]/gu, character => character.codePointAt(0)?.toString(16) ?? '')
    .replaceAll(/[^a-z0-9_-]/g, '_')
}
