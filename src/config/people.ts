import type { Complaint } from './complaints.ts'

/** A `dm` section, as far as it is valid. */
interface Dm {
  readonly policy?: string
  readonly allowFrom?: readonly string[]
}

/** What is doubtful about who may; `path` is of the section. */
export function doubtsAboutDm({ policy, allowFrom }: Dm, path: string): readonly Complaint[] {
  const doubt = (message: string): Complaint => ({ path: `${path}.allowFrom`, message, severity: 'warning' })
  if (policy === undefined || allowFrom === undefined) return []
  if (allowFrom.length === 0) {
    const message = 'is empty while the policy is "allowlist": nobody may use commands; "*" is everyone'
    return policy === 'allowlist' ? [doubt(message)] : []
  }
  // OpenClaw wants "*" in the list of an open policy, and it says the same.
  const isRead = policy === 'open' ? allowFrom.some(entry => bareId(entry) === '*') : policy !== 'disabled'
  if (!isRead) return [doubt(`is not looked at: the policy is "${policy}"`)]
  return allowFrom
    .filter(entry => /^$|[:|]/.test(bareId(entry)))
    .map(entry => doubt(`${JSON.stringify(entry)} names no user: entries are user ids or "*"`))
}

/** As the policy reads an entry, but for capitals. */
function bareId(entry: string): string {
  return entry
    .trim()
    .replace(/^wecom:/i, '')
    .replace(/^(?:user|userid):/i, '')
}
