import { expect, test } from 'bun:test'
import { isObject } from '../../src/domain/json.ts'
import type { Bubble } from '../../src/playground/tenant/bot/bubble.ts'
import { png } from '../wecom/media-samples.ts'
import { type TestDaemon, type TestDaemonOptions } from './daemon.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon()

async function open(options: TestDaemonOptions = {}): Promise<TestDaemon> {
  await daemon.open(options)
  await until('the gateway link', async () => (await fetch(`${daemon.app.privateUrl}/readyz`)).status === 200)
  return daemon
}

/** The feedback id that the first answer to a message carried. */
function feedbackIdOf(bubble: Bubble): string {
  const stream = bubble.captured[0]?.reply.plain?.['stream']
  const feedback = isObject(stream) ? stream['feedback'] : undefined
  return isObject(feedback) ? String(feedback['id']) : ''
}

async function thumb(msgid: string, event: object) {
  const head = { msgid, create_time: 1, aibotid: 'aibPLAYGROUND', chattype: 'single', from: { userid: 'zhangsan' } }
  const body = { ...head, msgtype: 'event', event: { eventtype: 'feedback_event', feedback_event: event } }
  return await daemon.tenant.wire.deliver('event', body)
}

const metrics = async () => await (await fetch(`${daemon.app.privateUrl}/metrics`)).text()

test('feedback: it is counted once, stands in the trace without its words, and is answered with nothing', async () => {
  await open()
  const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: '[long 3 5]' }).finished
  const id = feedbackIdOf(bubble)
  expect(id).toMatch(/^trace_/)
  const event = { id, type: 2, content: 'nonsense', inaccurate_reason_list: [2] }
  for (const msgid of ['F1', 'F1']) expect(await thumb(msgid, event)).toMatchObject({ status: 200, raw: '' })
  expect(await metrics()).toContain('wecomd_feedback_total{account="default",verdict="inaccurate"} 1')
  const trace = JSON.stringify(await daemon.api(`/api/trace/${bubble.msgid}`))
  expect(trace).toContain('"kind":"feedback","verdict":"inaccurate","reasons":"2"')
  expect(trace + daemon.log.join('\n')).not.toContain('nonsense')
  await daemon.tenant.say({ userid: 'zhangsan', text: '[long 2 5]' }).finished
  expect(daemon.gateway.asks().map(ask => ask.text)).toEqual(['[long 3 5]', '[long 2 5]'])
})

test('feedback: where it is wanted the agent hears of it with the next message, once', async () => {
  await open({ bot: { feedback: 'tell' } })
  const id = feedbackIdOf(await daemon.tenant.say({ userid: 'zhangsan', text: '[long 3 5]' }).finished)
  await thumb('F1', { id, type: 2, content: '太短\n了', inaccurate_reason_list: [1, 2] })
  await daemon.restart()
  await until('the gateway link', async () => (await fetch(`${daemon.app.privateUrl}/readyz`)).status === 200)
  expect((await daemon.tenant.say({ userid: 'zhangsan', text: '/whoami' }).finished).text).toContain('zhangsan') // a command is one
  const image = { url: daemon.tenant.botMedia(png) }
  const payload = {
    msg_item: [
      { msgtype: 'image', image },
      { msgtype: 'text', text: { content: '/whoami' } },
    ],
  }
  const beside = await daemon.tenant.say({ userid: 'zhangsan', msgtype: 'mixed', payload }).finished
  expect(beside.text).toContain('zhangsan')
  await daemon.tenant.say({ userid: 'zhangsan', text: '[long 2 5] again' }).finished
  await daemon.tenant.say({ userid: 'zhangsan', text: '[long 2 5] more' }).finished
  expect(daemon.gateway.asks().map(ask => ask.text)).toEqual([
    '[long 3 5]',
    '[feedback] the previous answer is inaccurate: off-topic, incomplete\n> 太短\n> 了\n\n[long 2 5] again',
    '[long 2 5] more',
  ])
})

test('feedback: one that is taken back, or is of no answer of ours, changes nothing', async () => {
  await open({ bot: { feedback: 'tell' } })
  const id = feedbackIdOf(await daemon.tenant.say({ userid: 'zhangsan', text: '[long 3 5]' }).finished)
  await thumb('F1', { id, type: 1 })
  await thumb('F2', { id, type: 3 })
  await thumb('F3', { id: 'trace_unknown', type: 2 })
  await daemon.tenant.say({ userid: 'zhangsan', text: '[long 2 5]' }).finished
  expect(daemon.gateway.asks().map(ask => ask.text)).toEqual(['[long 3 5]', '[long 2 5]'])
})
