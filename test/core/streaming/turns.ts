import type { Delivery } from '../../../src/domain/delivery.ts'
import type { Job } from '../../../src/domain/job.ts'
import type { Inbound } from '../../../src/domain/message.ts'
import type { Change, SenderLoad } from '../../../src/domain/ports.ts'
import type { Turn } from '../../../src/domain/turn.ts'
import { createTranslator } from '../../../src/core/notices/notices.ts'
import { type OpenSettings, openTurn } from '../../../src/core/streaming/open.ts'
import { advance, type TurnEvent } from '../../../src/core/streaming/advance.ts'

export const translate = createTranslator('en')
/** When the message of each test was received. */
export const t0 = 1_780_000_000_000

export const inbound: Inbound = {
  account: 'default',
  surface: 'bot',
  origin: 'message',
  msgid: 'm1',
  sender: 'zhangsan',
  conversation: { account: 'default', kind: 'direct', id: 'zhangsan' },
  text: 'hello',
  receivedAt: t0,
  responseUrl: 'https://qyapi.weixin.qq.com/r',
}

const settings: OpenSettings = {
  agentId: 'main',
  sessionKey: 'agent:main:wecom:default:direct:zhangsan',
  streamId: 'st_1',
  windowMs: 360_000,
  handoverMs: 30_000,
  openTurnsLimit: 100,
  perUserPerMinuteLimit: 20,
  askWithinMs: 21_600_000,
  thoughts: 'fold',
  joinWindowMs: 3_000,
  rules: {
    policy: { policy: 'open', allowFrom: [], applies: 'commands' },
    setting: 'channels.wecom.bot.dm',
    passes: ['model'],
    canReset: true,
    administrators: [],
    approvals: [],
  },
}

export const alone: SenderLoad = { openTurns: 0, sentLastMinute: 0, nextOrder: 1, inLane: () => [] }

export function opened(
  more: Partial<Inbound> = {},
  load: SenderLoad = alone,
  moreSettings: Partial<OpenSettings> = {},
): Change {
  return openTurn({ ...inbound, ...more }, load, { ...settings, ...moreSettings }, translate)
}

/** The jobs of a change. */
export function jobsOf({ add = [] }: Change): readonly Job[] {
  return add.filter(row => 'queue' in row)
}

/** The deliveries of a change. */
export function deliveriesOf({ add = [] }: Change): readonly Delivery[] {
  return add.filter(row => 'route' in row)
}

export function turnOf(change: Change | undefined): Turn {
  const turn = change?.save[0]
  if (turn === undefined) throw new Error('nothing was saved')
  return turn
}

/** A turn after these events. Events that change nothing are skipped. */
export function after(events: readonly TurnEvent[], more: Partial<Inbound> = {}): Turn {
  return events.reduce((turn, event) => advance(turn, event, translate)?.save[0] ?? turn, turnOf(opened(more)))
}

export const claimed: TurnEvent = { kind: 'claimed', at: t0 + 10, prepared: { question: 'hello' } }
export const asked: TurnEvent = { kind: 'asked', at: t0 + 20, bootId: 'boot1' }
export const text = (snapshot: string, at = t0 + 1_000): TurnEvent => ({ kind: 'text', at, text: snapshot })
export const answered = (answer: string, at = t0 + 2_000): TurnEvent => ({
  kind: 'run_ended',
  at,
  end: { kind: 'answered', text: answer },
  chunks: 3,
})
export const served = (at = t0 + 3_000): TurnEvent => ({ kind: 'served', at })
export const deadline = (at: number): TurnEvent => ({ kind: 'deadline', at })
