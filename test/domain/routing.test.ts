import { expect, test } from 'bun:test'
import { formatQuestion } from '../../src/domain/message.ts'
import { type Binding, formatSessionKey, routeOf } from '../../src/domain/routing.ts'
import { seeded } from '../crypto/seeded.ts'

test('routing: chat ids that differ in case get different session keys', () => {
  const key = (kind: 'direct' | 'group', id: string) => formatSessionKey('main', { account: 'sales', kind, id })
  expect(key('direct', '007Zhang')).toBe('agent:main:wecom:sales:direct:007zhang')
  expect(key('group', 'wrabc')).toBe('agent:main:wecom:sales:group:wrabc')
  expect(key('group', 'wrABC')).toMatch(/^agent:main:wecom:sales:group:wrabc-[0-9a-f]{8}$/)
  expect(key('group', 'wrABC')).not.toBe(key('group', 'wrAbC'))
})

test('routing: no two conversations share a session key', () => {
  const key = (account: string, kind: 'direct' | 'group', id: string) => formatSessionKey('main', { account, kind, id })
  const hashed = key('x', 'group', 'wrABC').split(':').at(-1) ?? ''
  const chosen: readonly [string, 'direct' | 'group', string][] = [
    ['x', 'group', 'wrABC'],
    ['x', 'group', hashed],
    ['x', 'group', 'wrabc'],
    ['x', 'group', `${hashed.slice(0, -1).toUpperCase()}z`],
    ['x', 'direct', 'wrabc'],
    ['x', 'direct', hashed],
    ['x-dm', 'direct', 'b'],
    ['x', 'direct', 'dm-b'],
    ['x', 'direct', 'direct:b'],
    ['x', 'direct', '张三'],
    ['x', 'direct', '李四'],
    ['x', 'direct', 'zhang.san'],
    ['x', 'direct', 'zhang_san'],
    ['x', 'direct', `${'a'.repeat(60)}1234`],
    ['x', 'direct', `${'a'.repeat(60)}1235`],
  ]
  const keys = chosen.map(([account, kind, id]) => key(account, kind, id).toLowerCase())
  expect(new Set(keys).size).toBe(chosen.length)

  const random = seeded(7)
  const letters = 'abcABC019_-.@'
  const id = () => Array.from({ length: 4 + random.below(12) }, () => letters[random.below(letters.length)]).join('')
  const groups = new Set(Array.from({ length: 100_000 }, id))
  expect(new Set(Array.from(groups, one => key('x', 'group', one).toLowerCase())).size).toBe(groups.size)
  const users = new Set(Array.from({ length: 100_000 }, () => id().toLowerCase()))
  expect(new Set(Array.from(users, one => key('x', 'direct', one.toUpperCase()))).size).toBe(users.size)
})

test('message: the agent reads the sender in a group, and only the text else', () => {
  const conversation = { account: 'a', kind: 'direct', id: 'x' } as const
  expect(formatQuestion(conversation, 'x', ' hi ')).toBe(' hi ')
  expect(formatQuestion({ ...conversation, kind: 'group' }, '007Zhang', 'hi')).toBe('[007Zhang]\nhi')
})

test('routing: the most specific binding wins, the first of equal ones', () => {
  const bindings: readonly Binding[] = [
    { agentId: 'everywhere', match: {} },
    { agentId: 'sales', match: { accountId: 'sales' } },
    { agentId: 'too late', match: { accountId: 'sales' } },
    { agentId: 'any zhang', match: { peer: { kind: 'direct', id: 'Zhang' } } },
    { agentId: 'zhang of sales', match: { accountId: 'sales', peer: { kind: 'direct', id: 'zhang' } } },
    { agentId: 'group', match: { accountId: '*', peer: { kind: 'group', id: 'wrA' } } },
    { agentId: 'groups of sales', match: { accountId: 'sales', peer: { kind: 'group', id: '*' } } },
    { agentId: 'wang', match: { peer: { kind: 'direct', id: 'user:Wang' } } },
  ]
  const to = (account: string, kind: 'direct' | 'group', id: string) =>
    routeOf({ bindings, fallback: 'main' }, { account, kind, id }, 'li')
  expect(to('sales', 'direct', 'ZHANG')).toEqual({ agentId: 'zhang of sales', rule: 'peer', index: 4 })
  expect(to('default', 'direct', 'zhang')).toEqual({ agentId: 'any zhang', rule: 'peer', index: 3 })
  expect(to('default', 'direct', 'wang')).toEqual({ agentId: 'wang', rule: 'peer', index: 7 })
  expect(to('sales', 'direct', 'li')).toEqual({ agentId: 'sales', rule: 'account', index: 1 })
  expect(to('sales', 'group', 'zhang')).toEqual({ agentId: 'groups of sales', rule: 'kind', index: 6 })
  expect(to('sales', 'group', 'wrA')).toEqual({ agentId: 'group', rule: 'peer', index: 5 })
  expect(to('default', 'group', 'wrA')).toEqual({ agentId: 'group', rule: 'peer', index: 5 })
  expect(to('default', 'group', 'wra')).toEqual({ agentId: 'everywhere', rule: 'channel', index: 0 })
  expect(
    routeOf({ bindings: bindings.slice(1), fallback: 'main' }, { account: 'default', kind: 'direct', id: 'li' }, 'li'),
  ).toEqual({
    agentId: 'main',
    rule: 'default',
  })
})
