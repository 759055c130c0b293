import { describe, expect, test } from 'bun:test'
import { hintOf, ruleOf } from '../../src/wecom/api/errcode.ts'
import { outcomeOfRefusal } from '../../src/wecom/api/outcome.ts'
import errcodes from './errcodes.json'

const caller = { agentId: 1000002 }

/** What a refusal with this code becomes, as if `fraction` came up. */
function judge(errcode: number, more: { isGettoken?: boolean; errmsg?: string; fraction?: number } = {}) {
  const { isGettoken = false, errmsg = 'x', fraction = 0 } = more
  const answer = { kind: 'answer', errcode, errmsg, fields: {} } as const
  return outcomeOfRefusal(answer, { ...caller, isGettoken }, { fraction: () => fraction })
}

describe('what an errcode means', () => {
  const { call, gettoken } = errcodes
  for (const code of call.refresh) {
    test(`errcode: ${code} asks for another token, and for the operator when that is refused too`, () => {
      expect(ruleOf(code, caller).verdict).toBe('refresh')
      expect(judge(code)).toMatchObject({ outcome: 'retry', hold: true, errcode: code, hint: expect.any(String) })
    })
  }
  for (const code of call.retry) {
    test(`errcode: ${code} is tried again later and holds nothing up`, () => {
      expect(judge(code)).toMatchObject({ outcome: 'retry', errcode: code, errmsg: 'x' })
      expect(judge(code).hold).toBeUndefined()
    })
  }
  for (const code of call.operator) {
    test(`errcode: ${code} waits for the operator, who is told what to do`, () => {
      expect(judge(code)).toMatchObject({ outcome: 'retry', hold: true, errcode: code, hint: expect.any(String) })
    })
  }
  for (const code of call.refuse) {
    test(`errcode: ${code} refuses this one message and says why`, () => {
      expect(judge(code)).toEqual({ outcome: 'refused', errcode: code, errmsg: 'x', hint: expect.any(String) })
    })
  }
  for (const code of call.unknown) {
    test(`errcode: ${code}, which is not of this API, refuses this one message with the words of WeCom`, () => {
      expect(judge(code)).toEqual({ outcome: 'refused', errcode: code, errmsg: 'x' })
    })
  }
  for (const code of gettoken.retry) {
    test(`errcode: ${code} of gettoken is tried again later`, () => {
      const outcome = judge(code, { isGettoken: true })
      expect([outcome.outcome, outcome.hold]).toEqual(['retry', undefined])
    })
  }
  for (const code of gettoken.operator) {
    test(`errcode: ${code} of gettoken waits for the operator, whatever message wanted the token`, () => {
      expect(judge(code, { isGettoken: true })).toMatchObject({ outcome: 'retry', hold: true, errcode: code })
    })
  }
})

describe('what the operator is told', () => {
  const errmsg = (ip: string) =>
    `not allow to access from your ip, hint: [1780000000123456789012], from ip: ${ip}, more info at https://open.work.weixin.qq.com/devtool/query?e=60020`
  const advice = (ip: string) =>
    `add ${ip} to the trusted IPs (企业可信IP) of app 1000002 in the admin console, or set channels.wecom.network.egressProxyUrl`

  for (const ip of ['203.0.113.7', '2001:db8::7']) {
    test(`errcode: 60020 names the address that WeCom saw, ${ip}`, () => {
      expect(hintOf({ errcode: 60_020, errmsg: errmsg(ip) }, caller)).toBe(advice(ip))
    })
  }

  test('errcode: 60020 without an address speaks of this host', () => {
    expect(hintOf({ errcode: 60_020, errmsg: 'ip' }, caller)).toBe(advice('the address of this host'))
  })

  test('errcode: a wrong secret is something else than a bad token, though the code is the same', () => {
    expect(judge(40_001, { isGettoken: true }).hint).toStartWith('corpSecret does not belong to this corpId and app')
    expect(judge(40_001).hint).toBe('WeCom refuses a token that it has just issued')
  })
})

describe('when it is tried again', () => {
  test('errcode: too many calls wait for at least a minute, and not all the same time', () => {
    expect([0, 0.999].map(fraction => judge(45_009, { fraction }).retryAfterMs)).toEqual([60_000, 74_985])
  })

  test('errcode: too many calls at once wait for some seconds, and not all the same time', () => {
    expect([0, 0.5].map(fraction => judge(45_033, { fraction }).retryAfterMs)).toEqual([1_000, 3_000])
  })

  test('errcode: a busy system leaves the time to whoever tries', () => {
    expect(judge(-1).retryAfterMs).toBeUndefined()
  })
})
