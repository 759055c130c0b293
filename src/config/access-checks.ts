import { bareUserId } from '../domain/policy.ts'
import { type ConfigIssue, warn } from './issues.ts'

/** A `dm` section, as far as it is valid. */
interface Dm {
  readonly policy?: string
  readonly allowFrom?: readonly string[]
}

/** What is doubtful about who may; `path` is of the section. Ids of users are not repeated: complaints stand in the log. */
export function dmWarnings({ policy, allowFrom }: Dm, path: string): readonly ConfigIssue[] {
  const doubt = (message: string, place = ''): ConfigIssue => warn(`${path}.allowFrom${place}`, message)
  if (policy === undefined || allowFrom === undefined) return []
  if (allowFrom.length === 0) {
    const message = 'is empty while the policy is "allowlist": nobody may use commands; "*" is everyone'
    return policy === 'allowlist' ? [doubt(message)] : []
  }
  // OpenClaw wants "*" in the list of an open policy, and it says the same.
  const isRead = policy === 'open' ? allowFrom.some(entry => bareUserId(entry) === '*') : policy !== 'disabled'
  if (!isRead) return [doubt(`is not looked at: the policy is "${policy}"`)]
  return allowFrom.flatMap((entry, index) =>
    /^$|[:|]/.test(bareUserId(entry)) ? [doubt('names no user: entries are user ids or "*"', `[${index}]`)] : [],
  )
}

/**
 * What is doubtful about the administrators. Companies give out user ids for themselves: who is meant in one account may be
 * somebody else in another.
 */
export function administratorWarnings(
  entries: readonly string[],
  accounts: readonly string[],
  path: string,
): readonly ConfigIssue[] {
  const everywhere: string[] = []
  const doubts: ConfigIssue[] = []
  for (const [index, entry] of entries.entries()) {
    if (accounts.some(id => entry.endsWith(`@${id}`))) continue
    const account = accountIn(entry)
    const lost = `there is no account "${account}", so all of it is taken for a user id; there is ${accounts.join(', ')}`
    if (bareUserId(entry) === '*') doubts.push(warn(path, '"*" is nobody here: administrators are named one by one'))
    else if (account !== undefined) doubts.push(warn(`${path}[${index}]`, lost))
    else everywhere.push(`[${index}]`)
  }
  if (accounts.length < 2 || everywhere.length === 0) return doubts
  const message = `${everywhere.join(', ')}: of every account; of one account it is written as zhangsan@${accounts.at(-1)}`
  return [...doubts, warn(path, message)]
}

/** What stands where an account would be named; after a mail address, which a user id may be, it is none. */
function accountIn(user: string): string | undefined {
  return /@([^@.]+)$/.exec(user)?.[1]
}
