/** A message that is meant as a command. `name` is lower-case; `rest` is what follows it. */
export interface Command {
  readonly name: string
  readonly rest: string
}

const command = /^[/／]([a-z][a-z0-9_-]{0,31})(?=\s|$)/i
/** As the whole message; the commands of people who do not type a slash. */
const stopWords: readonly string[] = ['停止', '取消']

/** `/new`, `／status now`, 停止; not `/etc/hosts` (docs/behaviour.md, Commands). */
export function parseCommand(text: string): Command | undefined {
  if (stopWords.includes(text.trim())) return { name: 'stop', rest: '' }
  const [head, name] = command.exec(text) ?? []
  if (head === undefined || name === undefined) return undefined
  return { name: name.toLowerCase(), rest: text.slice(head.length).trim() }
}

/** Access control by sender: the `dm` section of a Bot or an app. */
export interface DmPolicy {
  readonly policy: 'open' | 'allowlist' | 'pairing' | 'disabled'
  readonly allowFrom: readonly string[]
  readonly applies: 'commands' | 'all'
}

/** What somebody wants to do. `isOwnStop`: the run that a `stop` would end is their own, or there is none. */
export type PolicyRequest =
  | { readonly kind: 'chat' }
  | { readonly kind: 'command'; readonly name: string; readonly isOwnStop?: boolean }

/**
 * The rule that decides. free: nobody is kept from it · chat: the policy gates commands only · open · everyone: `*` is in
 * allowFrom · listed · unlisted · disabled · administrator · stranger: who is no administrator.
 */
export type PolicyRule =
  | 'free'
  | 'chat'
  | 'open'
  | 'everyone'
  | 'listed'
  | 'unlisted'
  | 'disabled'
  | 'administrator'
  | 'stranger'

export interface PolicyDecision {
  readonly isAllowed: boolean
  readonly rule: PolicyRule
}

const freeCommands: readonly string[] = ['help', 'whoami']

export function decide({ policy, allowFrom, applies }: DmPolicy, sender: string, wish: PolicyRequest): PolicyDecision {
  if (isFree(wish)) return { isAllowed: true, rule: 'free' }
  if (wish.kind === 'chat' && applies === 'commands') return { isAllowed: true, rule: 'chat' }
  switch (policy) {
    case 'open':
      return { isAllowed: true, rule: 'open' }
    case 'disabled':
      return { isAllowed: false, rule: 'disabled' }
    case 'allowlist':
    case 'pairing': {
      if (listsUser(allowFrom, '*')) return { isAllowed: true, rule: 'everyone' }
      const isListed = listsUser(allowFrom, sender)
      return { isAllowed: isListed, rule: isListed ? 'listed' : 'unlisted' }
    }
    default:
      return policy satisfies never
  }
}

/**
 * The administrators of one account: `zhangsan@sales` is one of the account `sales` only, since companies give out user
 * ids for themselves; `zhangsan` is one of every account. `accounts` are the ids of all,
 * so that an id of a user may have an `@` too.
 */
export function administratorsOf(
  account: string,
  administrators: readonly string[],
  accounts: readonly string[],
): readonly string[] {
  return administrators.flatMap(one => {
    const named = accounts.find(id => one.endsWith(`@${id}`))
    if (named === undefined) return [one]
    return named === account ? [one.slice(0, -named.length - 1)] : []
  })
}

/** Commands of administrators are for nobody else, whom `allowFrom` may name; `disabled` keeps them out as well. */
export function decideAdmin({ policy }: DmPolicy, administrators: readonly string[], sender: string): PolicyDecision {
  if (policy === 'disabled') return { isAllowed: false, rule: 'disabled' }
  const isAllowed = listsUser(administrators, sender)
  return { isAllowed, rule: isAllowed ? 'administrator' : 'stranger' }
}

function isFree(wish: PolicyRequest): boolean {
  if (wish.kind === 'chat') return false
  return freeCommands.includes(wish.name) || (wish.name === 'stop' && wish.isOwnStop === true)
}

/** Whether a list of the config names a user, whatever the case. */
export function listsUser(ids: readonly string[], user: string): boolean {
  return ids.some(id => bareUserId(id).toLowerCase() === user.toLowerCase())
}

/** The id of a user without `wecom:` and `user:` or `userid:`, which may stand before it wherever users are named. */
export function bareUserId(id: string): string {
  return id
    .trim()
    .replace(/^wecom:/i, '')
    .replace(/^(?:user|userid):/i, '')
}
