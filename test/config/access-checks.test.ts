import { expect, test } from 'bun:test'
import { app, bot, warnings, wecom } from './texts.ts'

const lists = (policy: string, allowFrom: readonly string[]) =>
  warnings(wecom({ bot: { ...bot, dm: { policy, allowFrom } }, agent: { ...app, dm: { policy, allowFrom } } }))
const both = (told: string) => [`channels.wecom.bot.dm.${told}`, `channels.wecom.agent.dm.${told}`]

test('config: an allowlist without anybody on it is a warning', () => {
  expect(lists('allowlist', [])).toEqual(
    both('allowFrom: is empty while the policy is "allowlist": nobody may use commands; "*" is everyone'),
  )
  for (const [policy, allowed] of [
    ['allowlist', ['li']],
    ['pairing', []],
    ['open', []],
    ['disabled', []],
  ] as const)
    expect(lists(policy, allowed)).toEqual([])
})

test('config: a list that the policy does not look at is told, but for the "*" of an open one', () => {
  for (const policy of ['open', 'disabled']) {
    expect(lists(policy, ['li'])).toEqual(both(`allowFrom: is not looked at: the policy is "${policy}"`))
  }
  expect(lists('open', ['*'])).toEqual([])
  expect(lists('disabled', ['*'])).toHaveLength(2)
})

test('config: an entry that can be no user is told', () => {
  for (const entry of ['wecom:', ' ', 'user:', 'party:2', 'tag:3', 'dept:研发', 'wecom:group:wr1', 'li|wang']) {
    expect(lists('pairing', ['li', entry])).toEqual(both('allowFrom[1]: names no user: entries are user ids or "*"'))
  }
  expect(lists('allowlist', ['li', 'WeCom:Li', 'user:li', 'wecom:userid:li', 'li@corp.com', 'wecom:*'])).toEqual([])
})

const adminsOf = (adminUsers: readonly string[], accounts: object = { sales: { bot: { ...bot, token: 'other' } } }) =>
  warnings(wecom({ bot, accounts, dynamicAgents: { adminUsers } })).map(line =>
    line.replace('channels.wecom.dynamicAgents.', ''),
  )

test('config: administrators of several accounts are said to be so, unless they are named for one', () => {
  expect(adminsOf(['boss', 'chef@sales'])).toEqual([
    'adminUsers: [0]: of every account; of one account it is written as zhangsan@sales',
  ])
  expect(adminsOf(['wecom:user:Boss', 'chef@corp.com'])).toEqual([
    'adminUsers: [0], [1]: of every account; of one account it is written as zhangsan@sales',
  ])
  expect(adminsOf(['boss@default', 'user:chef@sales', 'li@nope@sales'])).toEqual([])
  expect(adminsOf(['boss', 'chef@corp.com'], {})).toEqual([])
})

test('config: an administrator of an account that is not there is told', () => {
  expect(adminsOf(['user:a@nope'])).toEqual([
    'adminUsers[0]: there is no account "nope", so all of it is taken for a user id; there is default, sales',
  ])
  expect(adminsOf(['a@Sales'], {})).toEqual([
    'adminUsers[0]: there is no account "Sales", so all of it is taken for a user id; there is default',
  ])
})

test('config: "*" among the administrators is told, and hides nothing about the others', () => {
  expect(adminsOf(['*'], {})).toEqual(['adminUsers: "*" is nobody here: administrators are named one by one'])
  expect(adminsOf(['wecom:*', 'boss', 'a@nope'])).toEqual([
    'adminUsers: "*" is nobody here: administrators are named one by one',
    'adminUsers[2]: there is no account "nope", so all of it is taken for a user id; there is default, sales',
    'adminUsers: [1]: of every account; of one account it is written as zhangsan@sales',
  ])
})
