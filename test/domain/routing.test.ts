import { expect, test } from 'bun:test'
import { formatQuestion } from '../../src/domain/message.ts'
import { type Binding, formatSessionKey, routeOf } from '../../src/domain/routing.ts'

test('routing: user ids are only lower-cased, chat ids with capitals keep apart by a hash of their spelling', () => {
  const key = (kind: 'direct' | 'group', id: string) => formatSessionKey('main', { account: 'sales', kind, id })
  expect(key('direct', '007Zhang')).toBe('agent:main:wecom:sales:direct:007zhang')
  expect(key('group', 'wrabc')).toBe('agent:main:wecom:sales:group:wrabc')
  expect(key('group', 'wrABC')).toMatch(/^agent:main:wecom:sales:group:wrabc-[0-9a-f]{8}$/)
  expect(key('group', 'wrABC')).not.toBe(key('group', 'wrAbC'))
})

test('message: the agent reads the text as it is, and in a group who speaks', () => {
  const conversation = { account: 'a', kind: 'direct', id: 'x' } as const
  expect(formatQuestion(conversation, 'x', ' hi ')).toBe(' hi ')
  expect(formatQuestion({ ...conversation, kind: 'group' }, '007Zhang', 'hi')).toBe('[007Zhang]\nhi')
})

test('routing: the most specific binding decides, of equal ones the first, and without one the default agent', () => {
  const bindings: readonly Binding[] = [
    { agentId: 'everywhere', match: {} },
    { agentId: 'sales', match: { accountId: 'sales' } },
    { agentId: 'too late', match: { accountId: 'sales' } },
    { agentId: 'any zhang', match: { peer: { kind: 'direct', id: 'Zhang' } } },
    { agentId: 'zhang of sales', match: { accountId: 'sales', peer: { kind: 'direct', id: 'zhang' } } },
    { agentId: 'group', match: { accountId: '*', peer: { kind: 'group', id: 'wrA' } } },
  ]
  const to = (account: string, kind: 'direct' | 'group', id: string) => routeOf(bindings, 'main', { account, kind, id })
  expect(to('sales', 'direct', 'ZHANG')).toEqual({ agentId: 'zhang of sales', rule: 'peer', index: 4 })
  expect(to('default', 'direct', 'zhang')).toEqual({ agentId: 'any zhang', rule: 'peer', index: 3 })
  expect(to('sales', 'group', 'zhang')).toEqual({ agentId: 'sales', rule: 'account', index: 1 })
  expect(to('default', 'group', 'wrA')).toEqual({ agentId: 'group', rule: 'peer', index: 5 })
  expect(to('default', 'group', 'wra')).toEqual({ agentId: 'everywhere', rule: 'channel', index: 0 })
  expect(routeOf(bindings.slice(1), 'main', { account: 'default', kind: 'direct', id: 'li' })).toEqual({
    agentId: 'main',
    rule: 'default',
  })
})
