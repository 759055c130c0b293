import { expect, test } from 'bun:test'
import { formatTarget, parseTarget, type Target } from '../../src/domain/target.ts'
import { WecomdError } from '../../src/errors.ts'
import { type Seeded, seeded } from '../crypto/seeded.ts'

const accounts = ['default', 'corp', 'all']

/** Text, target in canonical form, account. */
const good: readonly (readonly [string, string, string?])[] = [
  ['zhangsan', 'user:zhangsan'],
  ['  zhangsan\n', 'user:zhangsan'],
  ['ZhangSan', 'user:ZhangSan'],
  ['user:zhangsan', 'user:zhangsan'],
  ['USER:zhangsan', 'user:zhangsan'],
  ['userid:zhangsan', 'user:zhangsan'],
  ['UserId: zhangsan', 'user:zhangsan'],
  ['wecom:user:zhangsan', 'user:zhangsan'],
  ['WeCom : user : zhangsan', 'user:zhangsan'],
  ['wecom:zhangsan', 'user:zhangsan'],
  ['wecom', 'user:wecom'],
  ['user', 'user:user'],
  ['user:123', 'user:123'],
  ['user:00123', 'user:00123'],
  ['user:zhang.san-3_x', 'user:zhang.san-3_x'],
  ['user:张三', 'user:张三'],
  ['user:a@b.com', 'user:a@b.com'],
  ['a@b.com', 'user:a@b.com'],
  ['user:a@b.com@corp', 'user:a@b.com', 'corp'],
  ['user:a@corp', 'user:a', 'corp'],
  ['user:a@corp@corp', 'user:a@corp', 'corp'],
  ['user:a@Corp', 'user:a@Corp'],
  ['user:a@elsewhere', 'user:a@elsewhere'],
  ['user:a @corp', 'user:a', 'corp'],
  ['a@corp', 'user:a', 'corp'],
  ['wecom:a@corp', 'user:a', 'corp'],
  ['user:a|b', 'user:a|b'],
  ['a|b', 'user:a|b'],
  ['user: a | b ', 'user:a|b'],
  ['user:a|b|a|A', 'user:a|b'],
  ['user:|a||b|', 'user:a|b'],
  ['user:a|b@corp', 'user:a|b', 'corp'],
  ['user:a@corp|b', 'user:a@corp|b'],
  ['user:@all', 'user:@all'],
  ['@all', 'user:@all'],
  ['user:@ALL', 'user:@all'],
  ['user:@all|@all', 'user:@all'],
  ['user:@all|@ALL', 'user:@all'],
  ['user: @all', 'user:@all'],
  ['user:@all@all', 'user:@all', 'all'],
  ['@all@corp', 'user:@all', 'corp'],
  ['a@all', 'user:a', 'all'],
  ['party:1', 'party:1'],
  ['Dept:2', 'party:2'],
  ['party:1|2|1', 'party:1|2'],
  ['party:1@corp', 'party:1', 'corp'],
  ['party:4294967295', 'party:4294967295'],
  ['tag:7', 'tag:7'],
  ['tag:Ops', 'tag:Ops'],
  ['tag:运维 一组', 'tag:运维 一组'],
  ['TAG:Ops|7', 'tag:Ops|7'],
  ['tag:Ops|ops|Ops', 'tag:Ops|ops'],
  ['tag:a:@corp', 'tag:a:', 'corp'],
  ['tag:a:b', 'tag:a:b'],
  ['tag:a@b', 'tag:a@b'],
  ['tag:Ops@default', 'tag:Ops', 'default'],
  ['group:wrOgQhDgAA_x-1', 'group:wrOgQhDgAA_x-1'],
  ['chat:ABC', 'group:ABC'],
  ['group: ABC @corp', 'group:ABC', 'corp'],
  ['Group:ABC@corp', 'group:ABC', 'corp'],
  ['webhook:ops', 'webhook:ops'],
  ['WEBHOOK:Ops', 'webhook:Ops'],
  ['webhook:运维@corp', 'webhook:运维', 'corp'],
]

test.each(good.map(([text, target, account]) => [text, target, account] as const))(
  'target: %j is %s',
  (text, target, account) => {
    const parsed = parseTarget(text, { accounts })
    expect(formatTarget(parsed.target)).toBe(target)
    expect(parsed.account).toBe(account)
  },
)

const forms = /user:ID, party:ID, tag:ID-or-name, group:CHATID or webhook:NAME/

const bad: readonly (readonly [string, RegExp, RegExp])[] = [
  ['', /empty/, forms],
  ['  ', /empty/, forms],
  ['wecom:', /empty/, forms],
  ['@corp', /invalid user/, /letters, digits/],
  ['123', /bare digits.*user, a department or a tag/, /user:123, party:123 or tag:123/],
  ['wecom:123', /bare digits/, /user:123/],
  ['123@corp', /bare digits/, /user:123/],
  ['zhangsan|123', /bare digits/, /user:123/],
  ['１２３', /bare digits/, /user:123/],
  ['foo:bar', /unknown kind of target/, forms],
  ['https://example.com/send?key=secret', /unknown kind of target/, forms],
  [':bar', /unknown kind of target/, forms],
  ['wecom:wecom:user:a', /unknown kind of target/, forms],
  ['users:a', /unknown kind of target/, forms],
  ['user:', /names no user/, /user:a\|b/],
  ['user:|', /names no user/, /user:a\|b/],
  ['user:@corp', /invalid user/, /letters, digits/],
  ['user:a b', /invalid user/, /letters, digits/],
  ['hello world', /invalid user/, /letters, digits/],
  ['user:a,b', /invalid user/, /user:a\|b/],
  ['user：a', /invalid user/, /letters, digits/],
  ['user:party:1', /invalid user/, /letters, digits/],
  ['user:-a', /invalid user/, /letters, digits/],
  ['user:a\u200bb', /invalid user/, /letters, digits/],
  ['user:a\nb', /control character/, forms],
  ['tag:a\u0000b', /control character/, forms],
  ['user:@all|a', /@all already means everyone/, /user:@all alone/],
  ['party:ops', /invalid department/, /number/],
  ['party:0', /invalid department/, /number/],
  ['party:01', /invalid department/, /number/],
  ['party:-1', /invalid department/, /number/],
  ['party:１', /invalid department/, /number/],
  ['party:12345678901', /invalid department/, /number/],
  ['party:@all', /invalid department/, /number/],
  ['party:', /names no department/, /number/],
  ['tag:', /names no tag/, /tag:NAME/],
  ['group:', /names no group/, /CHATID/],
  ['group:a|b', /invalid group/, /one at a time/],
  ['group:a b', /invalid group/, /CHATID/],
  ['webhook:', /names no webhook/, /channels\.wecom\.webhooks/],
  ['webhook:a b', /invalid webhook/, /channels\.wecom\.webhooks/],
  ['webhook:a@b', /invalid webhook/, /channels\.wecom\.webhooks/],
  [`user:${'a'.repeat(129)}`, /user longer than 128 characters/, /letters/],
  [`tag:${'a'.repeat(129)}`, /tag longer than 128 characters/, /tag:NAME/],
  [`group:${'a'.repeat(129)}`, /group longer than 128 characters/, /CHATID/],
  [`webhook:${'a'.repeat(129)}`, /webhook longer than 128 characters/, /NAME/],
]

for (const [text, message, hint] of bad) {
  test(`target: refused with a hint: ${JSON.stringify(text.slice(0, 40))}`, () => {
    const error = refusalOf(text)
    expect(error.code).toBe('bad_target')
    expect(error.message).toMatch(message)
    expect(error.hint ?? '').toMatch(hint)
  })
}

test.each([
  ['user', 'users', 1_000],
  ['party', 'departments', 100],
  ['tag', 'tags', 100],
] as const)('target: at most as many %s ids as WeCom accepts (%s)', (kind, words, max) => {
  const ids = Array.from({ length: max }, (_, i) => String(i + 1))
  expect(parseTarget(`${kind}:${ids.join('|')}`, { accounts })).toEqual({ target: { kind, ids } })
  const error = refusalOf(`${kind}:${[...ids, String(max + 1)].join('|')}`)
  expect(error.message).toBe(`the target names ${max + 1} ${words}; one message can go to at most ${max}`)
})

test('target: errors do not contain the refused text', () => {
  for (const [text] of bad) {
    const secret = text.split(':').at(-1)?.trim() ?? ''
    if (secret.length > 5) expect(refusalOf(text).message).not.toContain(secret)
  }
})

test('target: formatted targets parse back, with and without an account', () => {
  for (let seed = 1; seed <= 5_000; seed++) {
    const target = randomTarget(seeded(seed))
    const text = formatTarget(target)
    expect(parseTarget(text, { accounts: [] }), `seed ${seed}`).toEqual({ target })
    expect(parseTarget(`wecom:${text}@corp`, { accounts }), `seed ${seed}`).toEqual({ target, account: 'corp' })
  }
})

function randomTarget(random: Seeded): Target {
  const pick = (characters: string) => characters[random.below(characters.length)] ?? 'x'
  const word = (first: string, rest: string) =>
    pick(first) + Array.from({ length: random.below(20) }, () => pick(rest)).join('')
  const several = (one: () => string) => {
    const ids = new Map(Array.from({ length: 1 + random.below(4) }, one).map(id => [id.toLowerCase(), id]))
    return [...ids.values()]
  }
  const letters = 'abcXYZ019张三'
  switch (random.below(6)) {
    case 0:
      return { kind: 'user', ids: ['@all'] }
    case 1:
      return { kind: 'user', ids: several(() => word(letters, `${letters}_-.@`)) }
    case 2:
      return { kind: 'party', ids: several(() => String(1 + random.below(4_000_000_000))) }
    case 3:
      return { kind: 'tag', ids: several(() => word(letters, `${letters} :@#`).trim()) }
    case 4:
      return { kind: 'group', chatid: word(letters, `${letters}_-@:`) }
    default:
      return { kind: 'webhook', name: word(letters, `${letters}_-.`) }
  }
}

function refusalOf(text: string): WecomdError {
  try {
    parseTarget(text, { accounts })
  } catch (error) {
    if (error instanceof WecomdError) return error
    throw error
  }
  throw new Error('the target was accepted')
}
