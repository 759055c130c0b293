import { createHash } from 'node:crypto'
import type { Conversation } from './message.ts'

/** Users and groups with an agent of their own, made when it is first needed (`channels.wecom.dynamicAgents`). */
export interface DynamicAgentRules {
  readonly enabled: boolean
  readonly dmCreateAgent: boolean
  readonly groupEnabled: boolean
  /** Users who talk to the bound agent instead, in groups too. */
  readonly adminUsers: readonly string[]
}

/** The gateway takes no longer ids. */
const mostChars = 64
const headChars = 48

/**
 * The agent id of a user or a group: `wecom-dm-<id>`, `wecom-group-<id>`, of other accounts than
 * `default` `wecom-<account>-dm-<id>`. A hash is added whenever two could come out the same: something was replaced or
 * cut, the account has a `-`, or the id ends as if it had a hash. User ids have no case, chat ids do.
 */
export function formatDynamicAgentId({ account, kind, id }: Conversation): string {
  const exact = kind === 'direct' ? id.toLowerCase() : id
  const word = kind === 'direct' ? 'dm' : 'group'
  const plain = toPlain(exact)
  const whole = `wecom-${account === 'default' ? word : `${account}-${word}`}-${plain}`
  const isUnique =
    plain === exact && whole.length <= mostChars && !account.includes('-') && !/-[0-9a-f]{8}$/.test(plain)
  if (isUnique) return whole
  const hash = createHash('sha256').update([account, kind, exact].join('\0')).digest('hex')
  return `${whole.slice(0, headChars)}-${hash.slice(0, 8)}`
}

/** Whether an agent has the name of one that was made for a user or a group. */
export function isDynamicAgentId(id: string): boolean {
  return /^wecom-(?:[a-z0-9_-]+-)?(?:dm|group)-/.test(id)
}

/** What is not ASCII is told by its number, so that Chinese names of one length do not depend on the hash alone. */
function toPlain(id: string): string {
  return id
    .toLowerCase()
    .replaceAll(/[^\0-\x7f]/gu, character => character.codePointAt(0)?.toString(16) ?? '')
    .replaceAll(/[^a-z0-9_-]/g, '_')
}
