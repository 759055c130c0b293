import { describe, expect, test } from 'bun:test'
import { GatewayClient } from '../playground/gateway-client.ts'
import { isReady } from './app-daemon.ts'
import { gatewayToken } from './daemon.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon()
const rowAfterMs = 300

/** A daemon whose gateway begins a run only after a while, and another client that can change the gateway's config. */
async function open() {
  await daemon.open({ gateway: { rowAfterMs, reloadMs: 10, script: text => [{ kind: 'say', text: `re: ${text}` }] } })
  await until('the gateway link', () => isReady(daemon))
  const client = new GatewayClient(daemon.gateway.url)
  await client.connect(gatewayToken, { scopes: ['operator.admin'] })
  let agents = 0
  return { change: () => client.request('agents.create', { name: `other-${++agents}` }), close: () => client.close() }
}

async function eventsOf(msgid: string): Promise<readonly string[]> {
  // The daemon is of this source.
  const { events } = (await daemon.api(`/api/trace/${msgid}`)) as { events: readonly { kind: string }[] }
  return events.map(({ kind }) => kind)
}

const asks = () => daemon.gateway.asks().map(({ key }) => key)

describe('a change of the config in the gateway by somebody else', () => {
  test('config changes: a run that has not begun is asked again, and the user sees only the answer', async () => {
    const { change, close } = await open()
    const bubble = daemon.tenant.say({ userid: 'zhangsan', text: '你好' })
    await until('the question', () => asks().length === 1)
    await change()
    expect((await bubble.finished).text).toBe('re: 你好')
    const id = `wecom:default:${bubble.msgid}`
    expect(asks()).toEqual([id, `${id}#2`])
    expect((await eventsOf(bubble.msgid)).filter(kind => kind === 'asked_again')).toHaveLength(1)
    close()
  })

  test('config changes: after three more tries it fails with the words of the gateway', async () => {
    const { change, close } = await open()
    const bubble = daemon.tenant.say({ userid: 'zhangsan', text: '你好' })
    for (let tries = 1; tries <= 4; tries++) {
      await until(`question ${tries}`, () => asks().length === tries)
      await change()
    }
    expect((await bubble.finished).text).toContain('出错')
    expect(asks()).toHaveLength(4)
    const events = await eventsOf(bubble.msgid)
    expect(events.filter(kind => kind === 'asked_again')).toHaveLength(3)
    close()
  })

  test('config changes: a daemon that restarts meanwhile asks again, too', async () => {
    const { change, close } = await open()
    const bubble = daemon.tenant.say({ userid: 'zhangsan', text: '你好' })
    await until('the question', () => asks().length === 1)
    const stopped = daemon.app.stop()
    await change()
    await stopped
    await daemon.restart()
    expect((await bubble.finished).text).toBe('re: 你好')
    expect(asks()).toHaveLength(2)
    close()
  })

  test('config changes: a run that has said something is left alone', async () => {
    await daemon.open({ gateway: { reloadMs: 10 } })
    await until('the gateway link', () => isReady(daemon))
    const client = new GatewayClient(daemon.gateway.url)
    await client.connect(gatewayToken, { scopes: ['operator.admin'] })
    const bubble = daemon.tenant.say({ userid: 'zhangsan', text: '[long 20 40]' })
    await until('the first text', () => bubble.text.startsWith('tok'))
    await client.request('agents.create', { name: 'other' })
    expect((await bubble.finished).text).toEndWith('tok19')
    expect(asks()).toHaveLength(1)
    client.close()
  })
})
