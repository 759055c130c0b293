import { expect, test } from 'bun:test'
import { app, bot, warnings, wecom } from './texts.ts'

const lists = (policy: string, allowFrom: readonly string[]) =>
  warnings(wecom({ bot: { ...bot, dm: { policy, allowFrom } }, agent: { ...app, dm: { policy, allowFrom } } }))
const both = (issue: string) => [`channels.wecom.bot.dm.${issue}`, `channels.wecom.agent.dm.${issue}`]

test('config: an empty allowlist is a warning', () => {
  expect(lists('allowlist', [])).toEqual(
    both(
      'allowFrom: is empty, so with policy "allowlist" nobody may use commands but /help, /whoami, stopping one\u2019s own answer, and /new in one\u2019s own chat; "*" allows everyone',
    ),
  )
  for (const [policy, allowed] of [
    ['allowlist', ['li']],
    ['pairing', []],
    ['open', []],
    ['disabled', []],
  ] as const)
    expect(lists(policy, allowed)).toEqual([])
})

test('config: an allowFrom that the policy ignores is a warning', () => {
  for (const policy of ['open', 'disabled']) {
    expect(lists(policy, ['li'])).toEqual(both(`allowFrom: is ignored because policy is "${policy}"`))
  }
  expect(lists('open', ['*'])).toEqual([])
  expect(lists('disabled', ['*'])).toHaveLength(2)
})

test('config: an allowFrom entry that is not a user id is a warning', () => {
  for (const entry of ['wecom:', ' ', 'user:', 'party:2', 'tag:3', 'dept:研发', 'wecom:group:wr1', 'li|wang']) {
    expect(lists('pairing', ['li', entry])).toEqual(both('allowFrom[1]: is not a user id; expected a user id or "*"'))
  }
  expect(lists('allowlist', ['li', 'WeCom:Li', 'user:li', 'wecom:userid:li', 'li@corp.com', 'wecom:*'])).toEqual([])
})

const adminsOf = (adminUsers: readonly string[], accounts: object = { sales: { bot: { ...bot, token: 'other' } } }) =>
  warnings(wecom({ bot, accounts, dynamicAgents: { adminUsers } })).map(line =>
    line.replace('channels.wecom.dynamicAgents.', ''),
  )

test('config: an administrator valid in several accounts is a warning', () => {
  expect(adminsOf(['boss', 'chef@sales'])).toEqual([
    'adminUsers: [0] without an account, so valid in every account; to limit one, write zhangsan@sales',
  ])
  expect(adminsOf(['wecom:user:Boss', 'chef@corp.com'])).toEqual([
    'adminUsers: [0], [1] without an account, so valid in every account; to limit one, write zhangsan@sales',
  ])
  expect(adminsOf(['boss@default', 'user:chef@sales', 'li@nope@sales'])).toEqual([])
  expect(adminsOf(['boss', 'chef@corp.com'], {})).toEqual([])
})

test('config: an administrator of an unknown account is a warning', () => {
  expect(adminsOf(['user:a@nope'])).toEqual([
    'adminUsers[0]: there is no account "nope", so the whole entry is read as a user id; known accounts: default, sales',
  ])
  expect(adminsOf(['a@Sales'], {})).toEqual([
    'adminUsers[0]: there is no account "Sales", so the whole entry is read as a user id; known accounts: default',
  ])
})

test('config: "*" in adminUsers is a warning, next to those of other entries', () => {
  expect(adminsOf(['*'], {})).toEqual(['adminUsers: "*" is not supported; list each administrator by user id'])
  expect(adminsOf(['wecom:*', 'boss', 'a@nope'])).toEqual([
    'adminUsers: "*" is not supported; list each administrator by user id',
    'adminUsers[2]: there is no account "nope", so the whole entry is read as a user id; known accounts: default, sales',
    'adminUsers: [1] without an account, so valid in every account; to limit one, write zhangsan@sales',
  ])
})
