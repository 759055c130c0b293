import { trimInvisible } from './visible.ts'

/** A parsed command. `name` is lower-case and has no slash; `rest` is the trimmed text after it. */
export interface Command {
  readonly name: string
  readonly rest: string
}

const command = /^[/／]([a-z][a-z0-9_-]{0,31})(?=\s|$)/i
/** Words that mean `/stop` if they are the whole message. With a question mark they are chat. */
const stopWord = /^(?:停止|取消)[。！!.…\s]*$/

/**
 * Parses a command such as `/new`, `／status now` or 停止. Blanks around it don't matter. Returns undefined for ordinary
 * text, including `/etc/hosts` (docs/behaviour.md, Commands).
 */
export function parseCommand(text: string): Command | undefined {
  const words = trimInvisible(text)
  if (stopWord.test(words)) return { name: 'stop', rest: '' }
  const [head, name] = command.exec(words) ?? []
  if (head === undefined || name === undefined) return undefined
  return { name: name.toLowerCase(), rest: words.slice(head.length).trim() }
}

/** Access control by sender: the `dm` section of a Bot or an app. */
export interface DmPolicy {
  readonly policy: 'open' | 'allowlist' | 'pairing' | 'disabled'
  readonly allowFrom: readonly string[]
  readonly applies: 'commands' | 'all'
}

/**
 * What a sender wants to do. `isOwnStop`: a `stop` that would not end another sender's run. `isOwnChat`: in the sender's
 * own single chat, so that a new session affects no one else.
 */
export type PolicyRequest =
  | { readonly kind: 'chat' }
  | { readonly kind: 'command'; readonly name: string; readonly isOwnStop?: boolean; readonly isOwnChat?: boolean }

/**
 * The rule that decided.
 *
 * - free: allowed to everyone
 * - chat: the policy restricts commands only
 * - open, disabled: the policy
 * - everyone: `allowFrom` has `*`
 * - listed, unlisted: whether `allowFrom` names the sender
 * - administrator, stranger: whether the sender is an administrator
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

/**
 * Decides whether the policy allows a sender's request (docs/behaviour.md, Access control). User ids are
 * case-insensitive.
 */
export function decide(
  { policy, allowFrom, applies }: DmPolicy,
  sender: string,
  request: PolicyRequest,
): PolicyDecision {
  const isOpenToResets = policy !== 'disabled' && applies === 'commands'
  if (isFree(request) || (isOpenToResets && isOwnReset(request))) return { isAllowed: true, rule: 'free' }
  if (request.kind === 'chat' && applies === 'commands') return { isAllowed: true, rule: 'chat' }
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
 * Returns the administrators of one account, without their `@account` suffix. `zhangsan` is an administrator of every
 * account, `zhangsan@sales` of the account `sales` only: two companies may give the same user id to different people.
 * `accounts` lists all account ids, because a user id may contain an `@` itself.
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

/**
 * Decides about an administrator's command. `allowFrom` does not permit it; `disabled` denies it to administrators too.
 */
export function decideAdmin({ policy }: DmPolicy, administrators: readonly string[], sender: string): PolicyDecision {
  if (policy === 'disabled') return { isAllowed: false, rule: 'disabled' }
  const isAllowed = listsUser(administrators, sender)
  return { isAllowed, rule: isAllowed ? 'administrator' : 'stranger' }
}

function isFree(request: PolicyRequest): boolean {
  if (request.kind === 'chat') return false
  return freeCommands.includes(request.name) || (request.name === 'stop' && request.isOwnStop === true)
}

function isOwnReset(request: PolicyRequest): boolean {
  return request.kind === 'command' && isReset(request) && request.isOwnChat === true
}

/** True for a command that starts a new session. */
export function isReset({ name }: Pick<Command, 'name'>): boolean {
  return name === 'new' || name === 'reset'
}

/** True if a user list of the config contains `user`. Ignores case and the prefixes that `bareUserId` removes. */
export function listsUser(ids: readonly string[], user: string): boolean {
  return ids.some(id => bareUserId(id).toLowerCase() === user.toLowerCase())
}

/** Removes the optional prefixes `wecom:` and `user:` or `userid:` from a user id. */
export function bareUserId(id: string): string {
  return id
    .trim()
    .replace(/^wecom:/i, '')
    .replace(/^(?:user|userid):/i, '')
}
