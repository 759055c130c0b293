import { describe, expect, test } from 'bun:test'
import {
  administratorsOf,
  type Command,
  type DmPolicy,
  decide,
  decideAdmin,
  parseCommand,
  type PolicyRequest,
} from '../../src/domain/policy.ts'
import table from './policy.json'

describe('parsing commands', () => {
  test.each([
    ['/new', { name: 'new', rest: '' }],
    ['／status now', { name: 'status', rest: 'now' }],
    ['/MODEL', { name: 'model', rest: '' }],
    ['/a_b-c\nmore\nlines', { name: 'a_b-c', rest: 'more\nlines' }],
    ['停止', { name: 'stop', rest: '' }],
    [' 取消\n', { name: 'stop', rest: '' }],
    ['取消！', { name: 'stop', rest: '' }],
    ['停止…… ', { name: 'stop', rest: '' }],
    ['\u200b停止.\n', { name: 'stop', rest: '' }],
    ['  /new', { name: 'new', rest: '' }],
    ['\u3000\n／stop\u2005', { name: 'stop', rest: '' }],
    ['\u2060/help\ufe0f', { name: 'help', rest: '' }],
    ['/status\u3000now', { name: 'status', rest: 'now' }],
  ] satisfies readonly (readonly [string, Command])[])('policy: %j is a command', (text, parsed) => {
    expect(parseCommand(text)).toEqual(parsed)
  })

  test.each([
    '/etc/hosts 是什么',
    '//',
    '/ new',
    'see /new',
    '/新建',
    `/${'a'.repeat(33)}`,
    '/1',
    '停止吧',
    '取消订单',
    '停止？',
    '取消?!',
    '取消订单。',
    '。停止',
    '停止。取消',
    '',
  ])('policy: %j is chat', text => {
    expect(parseCommand(text)).toBeUndefined()
  })
})

/** One combination: the policy, whether `allowFrom` lists the sender, what the policy applies to, and the request. */
interface Row {
  readonly policy: DmPolicy['policy']
  readonly listed: 'no' | 'yes' | 'everyone'
  readonly applies: DmPolicy['applies']
  readonly request: keyof typeof requests
  readonly allowed: boolean
  readonly rule: string
}

const requests = {
  chat: { kind: 'chat' },
  command: { kind: 'command', name: 'new' },
  help: { kind: 'command', name: 'help' },
  whoami: { kind: 'command', name: 'whoami' },
  'own stop': { kind: 'command', name: 'stop', isOwnStop: true },
  'stop of another': { kind: 'command', name: 'stop', isOwnStop: false },
} satisfies Record<string, PolicyRequest>

const lists = { no: ['lisi', '7zhang'], yes: ['wecom:user:007ZHANG'], everyone: ['lisi', '*'] }
// Written by hand. The first test checks that no row is missing or misspelled.
const rows = table as readonly Row[]

describe('access control', () => {
  test('policy: the table has every combination once', () => {
    const names = rows.map(row => [row.policy, row.listed, row.applies, row.request].join(' '))
    const all = ['open', 'allowlist', 'pairing', 'disabled'].flatMap(policy =>
      ['no', 'yes', 'everyone'].flatMap(listed =>
        ['commands', 'all'].flatMap(applies =>
          Object.keys(requests).map(request => [policy, listed, applies, request].join(' ')),
        ),
      ),
    )
    expect(names.toSorted()).toEqual(all.toSorted())
    expect(names).toHaveLength(144)
  })

  for (const { policy, listed, applies, request, allowed, rule } of rows) {
    test(`policy: ${policy}/${listed}/${applies}: ${request} ${allowed ? 'allowed' : 'denied'} (${rule})`, () => {
      const decision = decide({ policy, applies, allowFrom: lists[listed] }, '007Zhang', requests[request])
      expect(decision).toEqual({ isAllowed: allowed, rule } as typeof decision)
    })
  }
})

const dms = (policy: Row['policy'], applies: Row['applies']) => ({ policy, applies, allowFrom: ['lisi'] })
const ownReset = (name: string) => ({ kind: 'command', name, isOwnChat: true }) as const

describe("a new session in one's own single chat", () => {
  for (const name of ['new', 'reset']) {
    for (const policy of ['open', 'allowlist', 'pairing'] as const) {
      test(`policy: ${policy}: /${name} is free`, () => {
        expect(decide(dms(policy, 'commands'), '007Zhang', ownReset(name))).toEqual({ isAllowed: true, rule: 'free' })
      })
    }

    test(`policy: /${name} is not free with policy disabled, nor for users denied chat`, () => {
      const deciding = (policy: Row['policy'], applies: Row['applies'], who: string) =>
        decide(dms(policy, applies), who, ownReset(name))
      expect(deciding('disabled', 'commands', 'lisi')).toEqual({ isAllowed: false, rule: 'disabled' })
      expect(deciding('allowlist', 'all', '007Zhang')).toEqual({ isAllowed: false, rule: 'unlisted' })
      expect(deciding('allowlist', 'all', 'lisi')).toEqual({ isAllowed: true, rule: 'listed' })
    })
  }

  test('policy: no other command is free there', () => {
    for (const name of ['status', 'model', 'approve']) {
      expect(decide(dms('allowlist', 'commands'), '007Zhang', ownReset(name)).isAllowed).toBe(false)
    }
  })
})

test('policy: ids in allowFrom may have the prefixes of targets', () => {
  for (const id of [
    '007zhang',
    ' 007Zhang ',
    'wecom:007zhang',
    'user:007ZHANG',
    'userid:007zhang',
    'wecom:userid:007zhang',
  ]) {
    const policy = { policy: 'allowlist', applies: 'commands', allowFrom: [id] } as const
    expect(decide(policy, '007Zhang', { kind: 'command', name: 'new' }).isAllowed).toBe(true)
  }
})

test('policy: name@account is an administrator of that account only', () => {
  const named = ['boss', 'user:chef@sales', 'me@corp.com', 'wang@default']
  const of = (account: string) => administratorsOf(account, named, ['default', 'sales'])
  expect(of('default')).toEqual(['boss', 'me@corp.com', 'wang'])
  expect(of('sales')).toEqual(['boss', 'user:chef', 'me@corp.com'])
  const dm = { policy: 'open', allowFrom: [], applies: 'commands' } as const
  expect(decideAdmin(dm, of('sales'), 'Chef')).toEqual({ isAllowed: true, rule: 'administrator' })
  expect(decideAdmin(dm, of('default'), 'chef')).toEqual({ isAllowed: false, rule: 'stranger' })
  expect(decideAdmin({ ...dm, policy: 'disabled' }, of('sales'), 'chef')).toEqual({
    isAllowed: false,
    rule: 'disabled',
  })
})
