import { expect, test } from 'bun:test'
import { formatQuestion } from '../../src/domain/message.ts'
import { isCommand } from '../../src/domain/policy.ts'
import { formatSessionKey } from '../../src/domain/routing.ts'

test('routing: user ids are only lower-cased, chat ids with capitals keep apart by a hash of their spelling', () => {
  const key = (kind: 'direct' | 'group', id: string) => formatSessionKey('main', { account: 'sales', kind, id })
  expect(key('direct', '007Zhang')).toBe('agent:main:wecom:sales:direct:007zhang')
  expect(key('group', 'wrabc')).toBe('agent:main:wecom:sales:group:wrabc')
  expect(key('group', 'wrABC')).toMatch(/^agent:main:wecom:sales:group:wrabc-[0-9a-f]{8}$/)
  expect(key('group', 'wrABC')).not.toBe(key('group', 'wrAbC'))
})

test('policy: a command is a slash and a word, not a path', () => {
  const commands = ['/new', '／status now', '/MODEL', '/a_b-c\nmore']
  const chat = ['/etc/hosts 是什么', '//', '/ new', 'see /new', '/新建', `/${'a'.repeat(33)}`, '/1']
  expect(commands.map(isCommand)).toEqual(commands.map(() => true))
  expect(chat.map(isCommand)).toEqual(chat.map(() => false))
})

test('message: the agent reads the text as it is, and in a group who speaks', () => {
  const conversation = { account: 'a', kind: 'direct', id: 'x' } as const
  expect(formatQuestion(conversation, 'x', ' hi ')).toBe(' hi ')
  expect(formatQuestion({ ...conversation, kind: 'group' }, '007Zhang', 'hi')).toBe('[007Zhang]\nhi')
})
