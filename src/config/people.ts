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

/**
 * What is doubtful about the administrators. Companies give out user ids for themselves: who is meant in one account may be
 * somebody else in another.
 */
export function doubtsAboutAdministrators(
  entries: readonly string[],
  accounts: readonly string[],
  path: string,
): readonly Complaint[] {
  const bare = entries.filter(entry => !accounts.some(id => entry.endsWith(`@${id}`))).map(bareId)
  const lost = bare.filter(user => accountIn(user) !== undefined)
  const everywhere = bare.filter(user => user !== '*' && !lost.includes(user))
  const there = accounts.join(', ') || 'none'
  const one = `of one account it is written ${everywhere[0]}@${accounts.at(-1)}`
  const messages = [
    ...(bare.includes('*') ? ['"*" is nobody here: administrators are named one by one'] : []),
    ...lost.map(user => {
      return `${user}: there is no account "${accountIn(user)}", so all of it is taken for a user id; there is ${there}`
    }),
    ...(accounts.length > 1 && everywhere.length > 0
      ? [`${everywhere.join(', ')}: an administrator of every account; ${one}`]
      : []),
  ]
  return messages.map(message => ({ path, message, severity: 'warning' }))
}

/** What stands where an account would be named; after a mail address, which a user id may be, it is none. */
function accountIn(user: string): string | undefined {
  return /@([^@.]+)$/.exec(user)?.[1]
}

/** As the policy reads an entry, but for capitals. */
function bareId(entry: string): string {
  return entry
    .trim()
    .replace(/^wecom:/i, '')
    .replace(/^(?:user|userid):/i, '')
}
