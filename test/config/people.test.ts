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
    expect(lists('pairing', ['li', entry])).toEqual(
      both(`allowFrom: ${JSON.stringify(entry)} names no user: entries are user ids or "*"`),
    )
  }
  expect(lists('allowlist', ['li', 'WeCom:Li', 'user:li', 'wecom:userid:li', 'li@corp.com', 'wecom:*'])).toEqual([])
})
