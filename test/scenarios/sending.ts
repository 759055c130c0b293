import { expect } from 'bun:test'
import type { DeliveryReport } from '../../src/bridge/operator/trace.ts'
import type { TestDaemon, SendAnswer } from './daemon.ts'
import type { SettableClock } from './settable-clock.ts'
import { until } from './until.ts'

/** Sends, and waits for the end of it. */
export async function sendAndWait(daemon: TestDaemon, body: object): Promise<DeliveryReport> {
  const { status, answer } = await daemon.send(body)
  expect([status, answer]).toEqual([202, { id: expect.any(String) }])
  return await daemon.delivered(answer.id ?? '')
}

/** Sends what is put off at first, and lets `ms` pass for it: a key that is repeated makes the daemon look again. */
export async function sendLate(
  daemon: TestDaemon,
  clock: SettableClock,
  body: object,
  ms: number,
): Promise<DeliveryReport> {
  const keyed = { idempotencyKey: `late ${clock.now()}`, ...body }
  const id = await accept(daemon, keyed)
  await waitForTry(daemon, id)
  clock.step(ms)
  await accept(daemon, keyed)
  return await daemon.delivered(id)
}

/** Resolves when a delivery was tried and has to wait. */
export async function waitForTry(daemon: TestDaemon, id: string): Promise<DeliveryReport> {
  return await until(`a try of ${id}`, async () => {
    const report = (await daemon.api(`/api/deliveries/${id}`)) as DeliveryReport // the daemon is of this source
    return report.state !== 'sending' && report.attempts.length > 0 && report
  })
}

/** Accepted, whatever becomes of it. */
export async function accept(daemon: TestDaemon, body: object): Promise<string> {
  const { status, answer } = await daemon.send(body)
  expect([status, answer]).toEqual([202, { id: expect.any(String) }])
  return answer.id ?? ''
}

/** Refused, and why; never without a sentence. */
export async function refusal(
  daemon: TestDaemon,
  body: object,
): Promise<{ readonly status: number } & NonNullable<SendAnswer['error']>> {
  const { status, answer } = await daemon.send(body)
  expect(answer).toEqual({ error: expect.objectContaining({ code: expect.any(String), message: expect.any(String) }) })
  return { status, ...(answer.error ?? { code: '', message: '' }) }
}

/** How often the platform was asked to send a message of the app. */
export function countSends({ tenant }: TestDaemon): number {
  return tenant.api.count('/cgi-bin/message/send')
}

/** What a member has read, in order. */
export function readBy({ tenant }: TestDaemon, userid: string): readonly string[] {
  return tenant.ledger.seen({ userid }).map(entry => entry.text)
}

const action = { type: 1, url: 'https://wecomd.example/' }
const main_title = { title: '上线', desc: '今晚' }
const option_list = [
  { id: 'yes', text: '好' },
  { id: 'no', text: '不好' },
]

/** A template card of each kind. */
export const cards = {
  text_notice: { card_type: 'text_notice', main_title, card_action: action },
  news_notice: {
    card_type: 'news_notice',
    main_title,
    card_image: { url: 'https://wecomd.example/a.png' },
    card_action: action,
  },
  button_interaction: {
    card_type: 'button_interaction',
    main_title,
    task_id: 'task-1',
    button_list: [{ text: '好', style: 1, key: 'ok' }],
  },
  vote_interaction: {
    card_type: 'vote_interaction',
    main_title,
    task_id: 'task-2',
    checkbox: { question_key: 'q', option_list },
    submit_button: { text: '提交', key: 'submit' },
  },
  multiple_interaction: {
    card_type: 'multiple_interaction',
    main_title,
    task_id: 'task-3',
    select_list: [{ question_key: 'q', title: '几点', option_list }],
    submit_button: { text: '提交', key: 'submit' },
  },
} as const
