/**
 * How to handle an errcode: `refresh` the token and resend, `retry` later, `refuse` this message for good, or hold all
 * messages until the `operator` has fixed the setup.
 */
export type ErrcodeMeaning = 'refresh' | 'retry' | 'refuse' | 'operator'

/** The caller of the API. Some codes have another meaning for gettoken. `agentId` is absent for group robots. */
export interface Caller {
  readonly isGettoken?: boolean
  readonly agentId?: number
}

/** What an errcode means and how to handle it. */
export interface Rule {
  readonly verdict: ErrcodeMeaning
  /** What the operator should do. */
  readonly hint?: string
  /** How long to wait before a retry. The jitter keeps waiting messages from being retried all at once. */
  readonly wait?: { readonly leastMs: number; readonly jitterMs: number }
}

type Row = readonly [errcodes: readonly number[], rule: Rule]

const refuse = (hint: string): Rule => ({ verdict: 'refuse', hint })
const operator = (hint: string): Rule => ({ verdict: 'operator', hint })

const wrongSecret = operator('corpSecret does not belong to this corpId and app, or the app is disabled')

const rows: readonly Row[] = [
  [[-1, 846_601, 846_602], { verdict: 'retry' }],
  [[40_001, 40_014, 42_001], { verdict: 'refresh', hint: 'WeCom rejects a token that it has just issued' }],
  [[40_003, 46_004, 60_111], refuse('check the spelling of the user id')],
  [[40_004, 40_005, 40_006, 40_009, 40_011], refuse('WeCom does not accept media of this type or size')],
  [[40_007], refuse('the upload is older than three days or belongs to another company')],
  [[40_008], refuse('WeCom does not accept this type of message here')],
  [[40_013], operator('corpId is wrong: copy it from the page "My Company"; it begins with ww or wx')],
  [[40_031, 40_032, 82_002, 82_003], refuse('too many recipients, or an invalid one')],
  [[40_033, 40_035, 40_058, 40_063, 41_001, 41_011, 47_001], refuse('this is a bug in wecomd: please report it')],
  [[40_050, 86_001, 86_003], refuse('this group does not exist')],
  [[40_056], operator('agentId does not match corpSecret')],
  [
    [40_066, 60_003, 60_123, 40_068, 40_070],
    refuse('the department or tag does not exist, or the app is not allowed to see it'),
  ],
  [[40_091], operator('corpSecret belongs to another company')],
  [[41_004], operator('corpSecret is missing')],
  [[44_001, 44_004], refuse('the message or file is empty')],
  [[45_001, 45_002, 45_007], refuse('the message or file is larger or longer than WeCom accepts')],
  [[45_009], { verdict: 'retry', hint: 'too many calls', wait: { leastMs: 60_000, jitterMs: 15_000 } }],
  [[45_033], { verdict: 'retry', hint: 'too many calls at once', wait: { leastMs: 1_000, jitterMs: 4_000 } }],
  [[48_002], operator('the app is not allowed to use this API: check that corpSecret belongs to a self-built app')],
  [
    [50_002, 60_011],
    refuse('add the recipient to the visible range of the app; for a group, the range must be the whole company'),
  ],
  [[50_003], operator('the app is disabled: enable it in the admin console')],
  [[81_013, 82_001], refuse('no recipient exists and can see the app: check the ids and the visible range of the app')],
  [[86_004, 86_005, 86_006, 86_007, 86_216, 86_217], refuse('WeCom does not accept this group')],
  [[86_008], refuse('the app did not create this group: use a group robot, or let the Bot answer in the group')],
  [[93_000], refuse('the group robot was deleted or its key is wrong: create a new one and put its key into webhooks')],
  [[301_002], operator('agentId and corpSecret belong to different apps')],
]

/** The rule for an errcode (page 90313). An unknown code refuses the message. */
export function ruleOf(errcode: number, caller: Caller): Rule {
  if (errcode === untrustedIp) return { verdict: 'operator' }
  const rule = rows.find(([errcodes]) => errcodes.includes(errcode))?.[1] ?? { verdict: 'refuse' }
  return caller.isGettoken === true ? forGettoken(rule) : rule
}

/** A refused gettoken is never the message's fault, and no token is involved that could be refreshed. */
function forGettoken(rule: Rule): Rule {
  if (rule.verdict === 'refresh') return wrongSecret
  return rule.verdict === 'refuse' ? { ...rule, verdict: 'operator' } : rule
}

/** The caller's IP address is not in the app's list of trusted IPs. Only the answer contains that address. */
const untrustedIp = 60_020

/** The hint for the operator about this answer. */
export function hintOf(
  answer: { readonly errcode: number; readonly errmsg: string },
  caller: Caller,
): string | undefined {
  if (answer.errcode !== untrustedIp) return ruleOf(answer.errcode, caller).hint
  const ip = /from ip: ?([\da-fA-F.:]+)/.exec(answer.errmsg)?.[1] ?? 'the address of this host'
  const app = caller.agentId === undefined ? 'the app' : `app ${caller.agentId}`
  return `add ${ip} to the trusted IPs (企业可信IP) of ${app} in the admin console, or set channels.wecom.network.egressProxyUrl`
}
