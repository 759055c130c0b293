import { describe, expect, test } from 'bun:test'
import { hintOf, ruleOf } from '../../src/wecom/api/errcode.ts'
import { outcomeOfRefusal } from '../../src/wecom/api/outcome.ts'
import errcodes from './errcodes.json'

const caller = { agentId: 1000002 }

/** The outcome of a refusal with this code, for a given random `fraction`. */
function judge(errcode: number, more: { isGettoken?: boolean; errmsg?: string; fraction?: number } = {}) {
  const { isGettoken = false, errmsg = 'x', fraction = 0 } = more
  const answer = { kind: 'answer', errcode, errmsg, fields: {} } as const
  return outcomeOfRefusal(answer, { ...caller, isGettoken }, { fraction: () => fraction })
}

describe('rules', () => {
  const { call, gettoken } = errcodes
  for (const code of call.refresh) {
    test(`errcode: ${code} refreshes the token, then holds`, () => {
      expect(ruleOf(code, caller).verdict).toBe('refresh')
      expect(judge(code)).toMatchObject({ outcome: 'retry', hold: true, errcode: code, hint: expect.any(String) })
    })
  }
  for (const code of call.retry) {
    test(`errcode: ${code} is retried without a hold`, () => {
      expect(judge(code)).toMatchObject({ outcome: 'retry', errcode: code, errmsg: 'x' })
      expect(judge(code).hold).toBeUndefined()
    })
  }
  for (const code of call.operator) {
    test(`errcode: ${code} holds until the operator acts on the hint`, () => {
      expect(judge(code)).toMatchObject({ outcome: 'retry', hold: true, errcode: code, hint: expect.any(String) })
    })
  }
  for (const code of call.refuse) {
    test(`errcode: ${code} refuses this message with a hint`, () => {
      expect(judge(code)).toEqual({ outcome: 'refused', errcode: code, errmsg: 'x', hint: expect.any(String) })
    })
  }
  for (const code of call.unknown) {
    test(`errcode: unlisted ${code} refuses this message with WeCom's errmsg`, () => {
      expect(judge(code)).toEqual({ outcome: 'refused', errcode: code, errmsg: 'x' })
    })
  }
  for (const code of gettoken.retry) {
    test(`errcode: ${code} of gettoken is retried`, () => {
      const outcome = judge(code, { isGettoken: true })
      expect([outcome.outcome, outcome.hold]).toEqual(['retry', undefined])
    })
  }
  for (const code of gettoken.operator) {
    test(`errcode: ${code} of gettoken holds until the operator acts`, () => {
      expect(judge(code, { isGettoken: true })).toMatchObject({ outcome: 'retry', hold: true, errcode: code })
    })
  }
})

describe('hints', () => {
  const errmsg = (ip: string) =>
    `not allow to access from your ip, hint: [1780000000123456789012], from ip: ${ip}, more info at https://open.work.weixin.qq.com/devtool/query?e=60020`
  const advice = (ip: string) =>
    `add ${ip} to the trusted IPs (企业可信IP) of app 1000002 in the admin console, or set channels.wecom.network.egressProxyUrl`

  for (const ip of ['203.0.113.7', '2001:db8::7']) {
    test(`errcode: the hint for 60020 names ${ip}`, () => {
      expect(hintOf({ errcode: 60_020, errmsg: errmsg(ip) }, caller)).toBe(advice(ip))
    })
  }

  test('errcode: the hint for 60020 without an address names this host', () => {
    expect(hintOf({ errcode: 60_020, errmsg: 'ip' }, caller)).toBe(advice('the address of this host'))
  })

  test('errcode: one code means wrong secret or bad token, by the caller', () => {
    expect(judge(40_001, { isGettoken: true }).hint).toStartWith('corpSecret does not belong to this corpId and app')
    expect(judge(40_001).hint).toBe('WeCom rejects a token that it has just issued')
  })
})

describe('retry delays', () => {
  test('errcode: too many calls wait at least a minute, with jitter', () => {
    expect([0, 0.999].map(fraction => judge(45_009, { fraction }).retryAfterMs)).toEqual([60_000, 74_985])
  })

  test('errcode: too many concurrent calls wait some seconds, with jitter', () => {
    expect([0, 0.5].map(fraction => judge(45_033, { fraction }).retryAfterMs)).toEqual([1_000, 3_000])
  })

  test('errcode: a busy system leaves the delay to the caller', () => {
    expect(judge(-1).retryAfterMs).toBeUndefined()
  })
})
