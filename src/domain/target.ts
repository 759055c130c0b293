import { WecomdError } from '../errors.ts'
import { limits } from './limits.ts'

/** The recipients of a message. Ids are spelled as WeCom spells them. */
export type Target =
  /** Members. `['@all']` is everyone who can see the app. */
  | { readonly kind: 'user'; readonly ids: readonly string[] }
  /** Departments. */
  | { readonly kind: 'party'; readonly ids: readonly string[] }
  /** Tags by id (digits) or by name. */
  | { readonly kind: 'tag'; readonly ids: readonly string[] }
  /** A group that the app itself created. */
  | { readonly kind: 'group'; readonly chatid: string }
  /** A group robot, by its name in the config. */
  | { readonly kind: 'webhook'; readonly name: string }

/** The id that stands for everyone who can see the app. */
export const everyone = '@all'

/** Formats a target in the canonical form, which `parseTarget` accepts. */
export function formatTarget(target: Target): string {
  switch (target.kind) {
    case 'user':
    case 'party':
    case 'tag':
      return `${target.kind}:${target.ids.join('|')}`
    case 'group':
      return `group:${target.chatid}`
    case 'webhook':
      return `webhook:${target.name}`
    default:
      return target satisfies never
  }
}

const kinds = new Map<string, Target['kind']>([
  ['user', 'user'],
  ['userid', 'user'],
  ['party', 'party'],
  ['dept', 'party'],
  ['tag', 'tag'],
  ['group', 'group'],
  ['chat', 'group'],
  ['webhook', 'webhook'],
])

const usage = 'write user:ID, party:ID, tag:ID-or-name, group:CHATID or webhook:NAME'

/**
 * Parses a target: `user:ID`, `party:ID`, `tag:ID-or-name`, `group:CHATID`, `webhook:NAME`, or a bare user id. An
 * optional `wecom:` prefix is ignored. Several ids are separated by `|`; empty and repeated ones are dropped. A
 * trailing `@x` names an account only if `x` is one of `accounts`, because user ids may contain `@`.
 *
 * Throws `bad_target`. Its message never contains the text, which may be a user id.
 */
export function parseTarget(
  text: string,
  options: { readonly accounts: readonly string[] },
): { readonly target: Target; readonly account?: string } {
  const whole = text.trim()
  if (/\p{Cc}/u.test(whole)) fail('the target contains a control character', usage)
  const { rest, account } = splitAccount(whole.replace(/^wecom\s*:\s*/i, ''), options.accounts)
  const target = readTarget(rest)
  return account === undefined ? { target } : { target, account }
}

/** Matches if an id is still missing at the end of the text. */
const beforeId = /(?:^|^\w+\s*:|\|)\s*$/

/** Splits off a trailing `@account`. It must follow an id: `user:@all` never names an account. */
function splitAccount(text: string, accounts: readonly string[]): { rest: string; account?: string } {
  const at = text.lastIndexOf('@')
  const account = text.slice(at + 1)
  const rest = text.slice(0, Math.max(at, 0))
  return beforeId.test(rest) || !accounts.includes(account) ? { rest: text } : { rest, account }
}

function readTarget(text: string): Target {
  if (text === '') fail('the target is empty', usage)
  const colon = text.indexOf(':')
  if (colon === -1) return readBare(text)
  const kind = kinds.get(text.slice(0, colon).trim().toLowerCase())
  return kind ? readKind(kind, text.slice(colon + 1).trim()) : fail('unknown kind of target', usage)
}

function readBare(text: string): Target {
  if (text.split('|').some(id => /^\p{Nd}+$/u.test(id.trim())))
    fail('bare digits are ambiguous: a user, a department or a tag', 'write user:123, party:123 or tag:123')
  return readKind('user', text)
}

function readKind(kind: Target['kind'], value: string): Target {
  switch (kind) {
    case 'user':
      return { kind, ids: readUsers(value) }
    case 'party':
      return { kind, ids: readIds(value, /^[1-9]\d{0,9}$/, limits.partiesPerMessage, partyWords) }
    case 'tag':
      return { kind, ids: readIds(value, /^./u, limits.tagsPerMessage, tagWords) }
    case 'group':
      return { kind, chatid: readOne(value, /^[^\s|]+$/, groupWords) }
    case 'webhook':
      return { kind, name: readOne(value, /^[^\s@:]+$/, webhookWords) }
    default:
      return kind satisfies never
  }
}

/** How error messages name a kind of id, and their hint about its format. */
interface IdWords {
  readonly one: string
  readonly many: string
  readonly hint: string
}

const userWords = {
  one: 'user',
  many: 'users',
  hint: 'a user id has only letters, digits and _ - @ . ; write several as user:a|b',
}
const partyWords = {
  one: 'department',
  many: 'departments',
  hint: 'a department is a number; write several as party:1|2',
}
const tagWords = { one: 'tag', many: 'tags', hint: 'write tag:ID or tag:NAME, several as tag:1|2' }
const groupWords = { one: 'group', many: 'groups', hint: 'write group:CHATID, one at a time' }
const webhookWords = {
  one: 'webhook',
  many: 'webhooks',
  hint: 'write webhook:NAME with a name of channels.wecom.webhooks',
}

/** Reads user ids. WeCom ignores their case, so `A` and `a` are the same member. */
function readUsers(value: string): readonly string[] {
  const ids = readIds(value, /^(?:@all|[\p{L}\p{N}][\p{L}\p{N}_@.-]*)$/iu, limits.usersPerMessage, userWords)
  const lower = ids.map(id => id.toLowerCase())
  const unique = ids.filter((_, i) => lower.indexOf(lower[i] ?? '') === i)
  if (!lower.includes(everyone)) return unique
  if (unique.length > 1)
    fail('@all already means everyone and cannot be combined with other ids', 'write user:@all alone')
  return [everyone]
}

function readIds(value: string, pattern: RegExp, max: number, words: IdWords): readonly string[] {
  const ids = new Set(value.split('|').map(part => part.trim()))
  ids.delete('')
  if (ids.size === 0) fail(`the target names no ${words.one}`, words.hint)
  if (ids.size > max)
    fail(`the target names ${ids.size} ${words.many}; one message can go to at most ${max}`, 'send several messages')
  return [...ids].map(id => readOne(id, pattern, words))
}

function readOne(value: string, pattern: RegExp, words: IdWords): string {
  if (value === '') fail(`the target names no ${words.one}`, words.hint)
  if (!pattern.test(value)) fail(`the target contains an invalid ${words.one}`, words.hint)
  if (value.length > limits.idChars)
    fail(`the target contains a ${words.one} longer than ${limits.idChars} characters`, words.hint)
  return value
}

function fail(message: string, hint: string): never {
  throw new WecomdError('bad_target', message, { hint })
}
