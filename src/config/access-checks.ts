import { bareUserId } from '../domain/policy.ts'
import { type ConfigIssue, warn } from './issues.ts'

/** A `dm` section whose invalid keys were left out. */
interface Dm {
  readonly policy?: string
  readonly allowFrom?: readonly string[]
}

/**
 * Warns about a `dm` section that is valid but probably not meant. `path` is the path of that section. Issues are logged, so
 * they give the position of an entry and never the user id.
 */
export function dmWarnings({ policy, allowFrom }: Dm, path: string): readonly ConfigIssue[] {
  const warning = (message: string, position = ''): ConfigIssue => warn(`${path}.allowFrom${position}`, message)
  if (policy === undefined || allowFrom === undefined) return []
  if (allowFrom.length === 0) {
    const message =
      'is empty, so with policy "allowlist" nobody may use commands but /help, /whoami, stopping one\u2019s own answer, and /new in one\u2019s own chat; "*" allows everyone'
    return policy === 'allowlist' ? [warning(message)] : []
  }
  // OpenClaw requires "*" in the list of an open policy. Here it is redundant, so it is accepted without a warning.
  const isUsed = policy === 'open' ? allowFrom.some(entry => bareUserId(entry) === '*') : policy !== 'disabled'
  if (!isUsed) return [warning(`is ignored because policy is "${policy}"`)]
  return allowFrom.flatMap((entry, index) =>
    /^$|[:|]/.test(bareUserId(entry)) ? [warning('is not a user id; expected a user id or "*"', `[${index}]`)] : [],
  )
}

/** A remark on a valid config that may be meant as it is. */
export interface ConfigNote {
  readonly path: string
  readonly message: string
}

/** The access rules of an account, and where they are in the file. */
interface AccountAccess {
  readonly bot?: { readonly dm: Dm }
  readonly agent?: { readonly dm: Dm }
  readonly paths: { readonly bot: string; readonly app: string }
}

/** Notes where nobody may use commands. An empty `allowlist` is a warning, so it is left out. */
export function accessNotes(accounts: readonly AccountAccess[]): readonly ConfigNote[] {
  const free = '/help, /whoami and stopping one\u2019s own answer'
  return accounts.flatMap(({ bot, agent, paths }) =>
    [
      { dm: bot?.dm, path: `${paths.bot}.dm` },
      { dm: agent?.dm, path: `${paths.app}.dm` },
    ].flatMap(({ dm, path }) => {
      if (dm?.policy === 'disabled') {
        return [{ path: `${path}.policy`, message: `is "disabled", so nobody may use commands but ${free}` }]
      }
      if (dm?.policy !== 'pairing' || dm.allowFrom?.length !== 0) return []
      const message = `is empty, so nobody may use commands but ${free}, and /new in one\u2019s own chat; list users, or "*" for everyone`
      return [{ path: `${path}.allowFrom`, message }]
    }),
  )
}

/**
 * Warns about `dynamicAgents.adminUsers`, found at `path`. Each company assigns its own user ids, so with several accounts an
 * entry without an account can match two different people.
 */
export function administratorWarnings(
  entries: readonly string[],
  accounts: readonly string[],
  path: string,
): readonly ConfigIssue[] {
  const inEveryAccount: string[] = []
  const warnings: ConfigIssue[] = []
  for (const [index, entry] of entries.entries()) {
    if (accounts.some(id => entry.endsWith(`@${id}`))) continue
    const account = accountIn(entry)
    if (bareUserId(entry) === '*') {
      warnings.push(warn(path, '"*" is not supported; list each administrator by user id'))
    } else if (account !== undefined) {
      const known = accounts.join(', ')
      const message = `there is no account "${account}", so the whole entry is read as a user id; known accounts: ${known}`
      warnings.push(warn(`${path}[${index}]`, message))
    } else {
      inEveryAccount.push(`[${index}]`)
    }
  }
  if (accounts.length < 2 || inEveryAccount.length === 0) return warnings
  const message = `${inEveryAccount.join(', ')} without an account, so valid in every account; to limit one, write zhangsan@${accounts.at(-1)}`
  return [...warnings, warn(path, message)]
}

/** The part after the last `@`. A part with a dot is the end of a mail address, which is a valid user id, not an account. */
function accountIn(entry: string): string | undefined {
  return /@([^@.]+)$/.exec(entry)?.[1]
}
