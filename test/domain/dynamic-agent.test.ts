import { expect, test } from 'bun:test'
import { formatDynamicAgentId } from '../../src/domain/dynamic-agent.ts'
import { type Binding, routeOf } from '../../src/domain/routing.ts'
import { seeded } from '../crypto/seeded.ts'

const idOf = (account: string, kind: 'direct' | 'group', id: string) => formatDynamicAgentId({ account, kind, id })
const hash = /-[0-9a-f]{8}$/

test('dynamic agents: plain ids are kept, ambiguous ones get a hash', () => {
  expect(idOf('default', 'direct', 'ZhangSan')).toBe('wecom-dm-zhangsan')
  expect(idOf('default', 'direct', '007')).toBe('wecom-dm-007')
  expect(idOf('default', 'group', 'wrgroup')).toBe('wecom-group-wrgroup')
  expect(idOf('sales', 'direct', 'lisi')).toBe('wecom-sales-dm-lisi')
  expect(idOf('sales', 'group', 'wr_1')).toBe('wecom-sales-group-wr_1')
  expect(idOf('default', 'group', 'wrGroup')).toMatch(/^wecom-group-wrgroup-[0-9a-f]{8}$/)
  expect(idOf('default', 'direct', 'zhang.san@x')).toMatch(/^wecom-dm-zhang_san_x-[0-9a-f]{8}$/)
  expect(idOf('default', 'direct', '张三')).toMatch(/^wecom-dm-5f204e09-[0-9a-f]{8}$/)
  expect(idOf('a-b', 'direct', 'x')).toMatch(/^wecom-a-b-dm-x-[0-9a-f]{8}$/)
  const longest = 'x'.repeat(64 - 'wecom-dm-'.length)
  expect(idOf('default', 'direct', longest)).toBe(`wecom-dm-${longest}`)
  expect(idOf('default', 'direct', `${longest}x`)).toMatch(/^wecom-dm-x{39}-[0-9a-f]{8}$/)
  // User ids are case-insensitive, so both spellings are the same user.
  expect(idOf('default', 'direct', 'Zhang.San')).toBe(idOf('default', 'direct', 'zhang.san'))
})

test('dynamic agents: no two conversations share an id, and each id is valid', () => {
  const hashed = idOf('default', 'direct', 'zhang.san').replace('wecom-dm-', '')
  const chosen: readonly [string, 'direct' | 'group', string][] = [
    ['default', 'direct', 'zhang.san'],
    ['default', 'direct', 'zhang_san'],
    ['default', 'direct', 'zhang@san'],
    ['default', 'direct', hashed],
    ['default', 'direct', '张三'],
    ['default', 'direct', '李四'],
    ['default', 'direct', '5f204e09'],
    ['default', 'direct', idOf('default', 'direct', '张三').replace('wecom-dm-', '')],
    ['default', 'group', 'wrAbc'],
    ['default', 'group', 'wraBc'],
    ['default', 'group', 'wrabc'],
    ['default', 'direct', `${'a'.repeat(60)}1234`],
    ['default', 'direct', `${'a'.repeat(60)}1235`],
    ['x', 'direct', 'dm-b'],
    ['x-dm', 'direct', 'b'],
    ['x', 'group', 'b'],
    ['x-group', 'direct', 'b'],
    ['x', 'direct', 'group-b'],
    ['default', 'direct', 'x-dm-b'],
    ['group-x', 'direct', 'b'],
    ['dm-x', 'direct', 'b'],
    ['default', 'direct', '..'],
    ['default', 'direct', '__'],
    ['default', 'direct', '-'],
  ]
  const ids = chosen.map(one => idOf(...one))
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
  expect(ids.filter(id => !/^[a-z0-9_-]{1,64}$/.test(id))).toEqual([])

  const random = seeded(11)
  const pick = <T>(of: readonly T[]): T => of[random.below(of.length)] as T
  const letters = Array.from('abcdxyzABC0189_-.@张李王赵小伟芳娜\u{20000}')
  const accounts = ['default', 'x', 'x-dm', 'sales', 'sales-group']
  const seen = new Map<string, string>()
  const invalid: string[] = []
  for (let round = 0; round < 100_000; round++) {
    const [account, kind] = [pick(accounts), pick(['direct', 'group'] as const)]
    const id = Array.from({ length: 1 + random.below(64) }, () => pick(letters)).join('')
    const who = [account, kind, kind === 'direct' ? id.toLowerCase() : id].join('\0')
    const agent = idOf(account, kind, id)
    if ((seen.get(agent) ?? who) !== who || !/^[a-z0-9_-]{1,64}$/.test(agent)) invalid.push(agent)
    seen.set(agent, who)
  }
  expect(invalid).toEqual([])
  expect(seen.size).toBeGreaterThan(95_000)
  expect([...seen.keys()].some(agent => hash.test(agent))).toBe(true)
})

test('dynamic agents: only a binding of that user or group wins over them', () => {
  const bindings: readonly Binding[] = [
    { agentId: 'sales', match: { accountId: 'sales' } },
    { agentId: 'vip', match: { peer: { kind: 'direct', id: 'Vip' } } },
  ]
  const dynamic = { enabled: true, dmCreateAgent: true, groupEnabled: true, adminUsers: ['wecom:Boss', 'user:chef'] }
  const to = (account: string, kind: 'direct' | 'group', id: string, sender: string, more = {}) =>
    routeOf({ bindings, fallback: 'main', dynamic: { ...dynamic, ...more } }, { account, kind, id }, sender)
  expect(to('default', 'direct', 'li', 'li')).toEqual({
    agentId: 'wecom-dm-li',
    rule: 'dynamic',
    fallbackAgentId: 'main',
  })
  expect(to('sales', 'group', 'wr1', 'li')).toEqual({
    agentId: 'wecom-sales-group-wr1',
    rule: 'dynamic',
    fallbackAgentId: 'sales',
  })
  expect(to('default', 'direct', 'vip', 'vip')).toEqual({ agentId: 'vip', rule: 'peer', index: 1 })
  expect(to('default', 'direct', 'boss', 'BOSS')).toEqual({ agentId: 'main', rule: 'default' })
  expect(to('sales', 'group', 'wr1', 'chef')).toEqual({ agentId: 'sales', rule: 'account', index: 0 })
  expect(to('default', 'direct', 'li', 'li', { dmCreateAgent: false }).agentId).toBe('main')
  expect(to('default', 'group', 'wr1', 'li', { dmCreateAgent: false }).agentId).toBe('wecom-group-wr1')
  expect(to('default', 'group', 'wr1', 'li', { groupEnabled: false }).agentId).toBe('main')
  expect(to('default', 'direct', 'li', 'li', { enabled: false }).agentId).toBe('main')
})
