import { WecomdError } from '../errors.ts'
import { limits } from './limits.ts'

/** To whom something is sent. Ids are spelled as the platform spells them. */
export type Target =
  /** Members; `['@all']` is everyone who may see the app. */
  | { readonly kind: 'user'; readonly ids: readonly string[] }
  /** Departments. */
  | { readonly kind: 'party'; readonly ids: readonly string[] }
  /** Tags by id (digits) or by name. */
  | { readonly kind: 'tag'; readonly ids: readonly string[] }
  /** A group that the app itself created. */
  | { readonly kind: 'group'; readonly chatid: string }
  /** A group robot, by its name in the config. */
  | { readonly kind: 'webhook'; readonly name: string }

/** The target of everyone who may see the app. */
export const everyone = '@all'

/** Writes a target in our own spelling, which `parseTarget` reads back. */
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

const forms = 'write user:ID, party:ID, tag:ID-or-name, group:CHATID or webhook:NAME'

/**
 * Reads a target as people write it. `@x` at the end is an account only when x is one of
 * `accounts`. Several ids are separated by `|`; empty and repeated ones are left out. Throws `bad_target`.
 */
export function parseTarget(
  text: string,
  options: { readonly accounts: readonly string[] },
): { readonly target: Target; readonly account?: string } {
  const whole = text.trim()
  if (/\p{Cc}/u.test(whole)) refuse('the target has a control character in it', forms)
  const { rest, account } = cutAccount(whole.replace(/^wecom\s*:\s*/i, ''), options.accounts)
  const target = readTarget(rest)
  return account === undefined ? { target } : { target, account }
}

/** What stands before the first or the next id. */
const nothingYet = /(?:^|^\w+\s*:|\|)\s*$/

/** An account needs something to stand behind: `user:@all` names none, whatever the accounts are called. */
function cutAccount(text: string, accounts: readonly string[]): { rest: string; account?: string } {
  const at = text.lastIndexOf('@')
  const account = text.slice(at + 1)
  const rest = text.slice(0, Math.max(at, 0))
  return nothingYet.test(rest) || !accounts.includes(account) ? { rest: text } : { rest, account }
}

function readTarget(text: string): Target {
  if (text === '') refuse('the target is empty', forms)
  const colon = text.indexOf(':')
  if (colon === -1) return readBare(text)
  const kind = kinds.get(text.slice(0, colon).trim().toLowerCase())
  return kind
    ? readKind(kind, text.slice(colon + 1).trim())
    : refuse('the target is of a kind that does not exist', forms)
}

function readBare(text: string): Target {
  if (text.split('|').some(id => /^\p{Nd}+$/u.test(id.trim())))
    refuse(
      'bare digits do not say whether a user, a department or a tag is meant',
      'write user:123, party:123 or tag:123',
    )
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

/** How a kind of id is named, and what one looks like. */
interface Words {
  readonly one: string
  readonly many: string
  readonly hint: string
}

const userWords = {
  one: 'user',
  many: 'users',
  hint: 'a user id has letters, digits and _ - @ . only; write several as user:a|b',
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

/** Members; the platform takes their ids in any case, so that `A` and `a` are one. */
function readUsers(value: string): readonly string[] {
  const ids = readIds(value, /^(?:@all|[\p{L}\p{N}][\p{L}\p{N}_@.-]*)$/iu, limits.usersPerMessage, userWords)
  const lower = ids.map(id => id.toLowerCase())
  const unique = ids.filter((_, i) => lower.indexOf(lower[i] ?? '') === i)
  if (!lower.includes(everyone)) return unique
  if (unique.length > 1) refuse('@all is everyone and cannot be named together with others', 'write user:@all alone')
  return [everyone]
}

function readIds(value: string, shape: RegExp, most: number, words: Words): readonly string[] {
  const ids = new Set(value.split('|').map(part => part.trim()))
  ids.delete('')
  if (ids.size === 0) refuse(`the target names no ${words.one}`, words.hint)
  if (ids.size > most)
    refuse(`the target names ${ids.size} ${words.many}, one message goes to at most ${most}`, 'send several messages')
  return [...ids].map(id => readOne(id, shape, words))
}

function readOne(value: string, shape: RegExp, words: Words): string {
  if (value === '') refuse(`the target names no ${words.one}`, words.hint)
  if (!shape.test(value)) refuse(`the target names something that cannot be a ${words.one}`, words.hint)
  if (value.length > limits.idChars)
    refuse(`the target names a ${words.one} of more than ${limits.idChars} characters`, words.hint)
  return value
}

function refuse(message: string, hint: string): never {
  throw new WecomdError('bad_target', message, { hint })
}
