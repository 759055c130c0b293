/** What to do about an errcode: a new token and once more, later, give this message up, or wait for the operator. */
export type ErrcodeMeaning = 'refresh' | 'retry' | 'refuse' | 'operator'

/** Who asked: some codes mean something else in the answer to gettoken. `agentId` is absent for group robots. */
export interface Caller {
  readonly isGettoken?: boolean
  readonly agentId?: number
}

export interface Rule {
  readonly verdict: ErrcodeMeaning
  /** What the operator does. */
  readonly hint?: string
  /** Later means: not before this, and not all at once. */
  readonly wait?: { readonly leastMs: number; readonly jitterMs: number }
}

type Row = readonly [errcodes: readonly number[], rule: Rule]

const refuse = (hint: string): Rule => ({ verdict: 'refuse', hint })
const operator = (hint: string): Rule => ({ verdict: 'operator', hint })

const wrongSecret = operator('corpSecret does not belong to this corpId and app, or the app is disabled')

const rows: readonly Row[] = [
  [[-1, 846_601, 846_602], { verdict: 'retry' }],
  [[40_001, 40_014, 42_001], { verdict: 'refresh', hint: 'WeCom refuses a token that it has just issued' }],
  [[40_003, 46_004, 60_111], refuse('check the spelling of the user id')],
  [[40_004, 40_005, 40_006, 40_009, 40_011], refuse('WeCom does not take media of this kind or size')],
  [[40_007], refuse('the upload is older than three days or belongs to another company')],
  [[40_008], refuse('WeCom does not take this kind of message here')],
  [[40_013], operator('corpId is wrong: it is on the page "My Company" and begins with ww or wx')],
  [[40_031, 40_032, 82_002, 82_003], refuse('too many recipients, or one that is none')],
  [[40_033, 40_035, 40_058, 40_063, 41_001, 41_011, 47_001], refuse('this is a mistake of wecomd: please report it')],
  [[40_050, 86_001, 86_003], refuse('there is no such group')],
  [[40_056], operator('agentId does not match corpSecret')],
  [[40_066, 60_003, 60_123, 40_068, 40_070], refuse('no such department or tag, or the app may not see it')],
  [[40_091], operator('corpSecret is of another company')],
  [[41_004], operator('corpSecret is missing')],
  [[44_001, 44_004], refuse('there is nothing in it')],
  [[45_001, 45_002, 45_007], refuse('it is larger or longer than WeCom takes')],
  [[45_009], { verdict: 'retry', hint: 'too many calls', wait: { leastMs: 60_000, jitterMs: 15_000 } }],
  [[45_033], { verdict: 'retry', hint: 'too many calls at once', wait: { leastMs: 1_000, jitterMs: 4_000 } }],
  [[48_002], operator('the app may not use this API: is corpSecret that of a self-built app?')],
  [
    [50_002, 60_011],
    refuse('add the recipient to the visible range of the app; a group needs the whole company in it'),
  ],
  [[50_003], operator('the app is disabled: enable it in the admin console')],
  [[81_013, 82_001], refuse('no recipient exists and may see the app: check the ids and the visible range of the app')],
  [[86_004, 86_005, 86_006, 86_007, 86_216, 86_217], refuse('WeCom does not take this group')],
  [[86_008], refuse('the app did not create this group: send by a group robot, or let the Bot answer in the group')],
  [[93_000], refuse('the group robot is gone or its key is wrong: make it again and put its key into webhooks')],
  [[301_002], operator('agentId and corpSecret are of different apps')],
]

/** The platform's codes (page 90313) as `wecomd` takes them; an unknown one refuses the message. */
export function ruleOf(errcode: number, caller: Caller): Rule {
  if (errcode === untrustedIp) return { verdict: 'operator' }
  const rule = rows.find(([errcodes]) => errcodes.includes(errcode))?.[1] ?? { verdict: 'refuse' }
  return caller.isGettoken === true ? forGettoken(rule) : rule
}

/** No message is at fault when there is no token for it, and no token can be too old here. */
function forGettoken(rule: Rule): Rule {
  if (rule.verdict === 'refresh') return wrongSecret
  return rule.verdict === 'refuse' ? { ...rule, verdict: 'operator' } : rule
}

/** The caller's address is not on the app's list. It is the platform who knows which address that is. */
const untrustedIp = 60_020

/** What the operator does about this answer. */
export function hintOf(
  answer: { readonly errcode: number; readonly errmsg: string },
  caller: Caller,
): string | undefined {
  if (answer.errcode !== untrustedIp) return ruleOf(answer.errcode, caller).hint
  const ip = /from ip: ?([\da-fA-F.:]+)/.exec(answer.errmsg)?.[1] ?? 'the address of this host'
  const app = caller.agentId === undefined ? 'the app' : `app ${caller.agentId}`
  return `add ${ip} to the trusted IPs (企业可信IP) of ${app} in the admin console, or set channels.wecom.network.egressProxyUrl`
}
