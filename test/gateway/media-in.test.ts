import { afterEach, expect, test } from 'bun:test'
import type { AskAttachment } from '../../src/domain/agent.ts'
import { WecomdError } from '../../src/errors.ts'
import { echoAnswer } from '../../src/playground/gateway/runs/script.ts'
import { until } from '../scenarios/until.ts'
import { answerTo, closeAgents, openAgent, sessionKey } from './agents.ts'
import { csv, fileOf, noise, png, pngOf } from './files.ts'
import { openPipe, type PipeOptions } from './pipe.ts'
import { quickEcho } from './quick-echo.ts'

afterEach(closeAgents)

/** The agent over a TCP proxy that breaks or stalls. */
async function openOverPipe(pipe: PipeOptions, options: Parameters<typeof openAgent>[0] = {}) {
  const proxies: Awaited<ReturnType<typeof openPipe>>[] = []
  const opened = await openAgent(options, async port => {
    const proxy = await openPipe(port, pipe)
    proxies.push(proxy)
    return proxy
  })
  const [proxy] = proxies
  if (proxy === undefined) throw new Error('no proxy opened')
  return { ...opened, proxy }
}

test('agent: attachments arrive intact and are in the history', async () => {
  const { gateway, ask } = await openAgent({ script: quickEcho })
  const end = await ask('k', '这是什么', { attachments: [png, csv] })
  expect(end).toEqual({ kind: 'answered', text: echoAnswer('这是什么', [png, csv]) })
  expect(echoAnswer('', [png])).toStartWith('收到文件：a.png（11 KB）\n\n')
  const { text, attachments } = gateway.asks()[0] ?? {}
  expect(text).toBe('这是什么')
  expect(attachments).toEqual([
    { type: 'image', fileName: 'a.png', mimeType: 'image/png', bytes: png.bytes, sha256: png.sha256 },
    { type: 'file', fileName: '数据.csv', mimeType: 'text/csv', bytes: 8, sha256: csv.sha256 },
  ])
  expect(gateway.history(sessionKey)[0]?.__openclaw['media']).toMatchObject([
    { kind: 'image', fileName: 'a.png', sizeBytes: png.bytes, sha256: png.sha256 },
    { kind: 'document', fileName: '数据.csv', sizeBytes: 8, sha256: csv.sha256 },
  ])
})

test('agent: an image over the limit fails the run, even as a file', async () => {
  const { gateway, ask, rows } = await openAgent()
  const large = pngOf(1_500)
  for (const kind of ['image', 'file'] as const) {
    const end = await ask(kind, 'look', { attachments: [csv, fileOf('big.bin', large, kind)] })
    expect(end).toMatchObject({ kind: 'failed', reason: 'error', text: '', failure: { cause: 'internal' } })
  }
  expect([gateway.asks(), rows()]).toEqual([[], []])
})

test('agent: at most two questions upload files; plain text overtakes them', async () => {
  const open = Promise.withResolvers<void>()
  let held = 0
  const { gateway, ask } = await openAgent({
    async intercept(stage, method, { attachments }) {
      if (stage !== 'received' || method !== 'chat.send' || attachments === undefined) return
      held++
      await open.promise
    },
  })
  const files = ['a', 'b', 'c'].map(name => fileOf(name, noise(9_000_000)))
  const asks = files.map(file =>
    ask(file.fileName, 'take this', { sessionKey: `${sessionKey}-${file.fileName}`, attachments: [file] }),
  )
  await until('two of them', () => held === 2)
  expect(await ask('plain', 'hi')).toEqual({ kind: 'answered', text: answerTo('hi') })
  expect(files.map(file => file.opened.times)).toEqual([1, 1, 0])
  open.resolve()
  const answered = { kind: 'answered', text: answerTo('take this') } as const
  expect(await Promise.all(asks)).toEqual([answered, answered, answered])
  const sent = gateway.asks().flatMap(({ attachments }) => attachments.map(one => one.sha256))
  expect(sent.toSorted()).toEqual(files.map(file => file.sha256).toSorted())
})

test('agent: a link broken in mid upload is reopened and the files resent', async () => {
  const { gateway, ask, proxy, statuses } = await openOverPipe({ cuts: 1, limitBytes: 5_000_000 })
  const file = fileOf('max.zip', noise(19_464_192))
  const boots: string[] = []
  const mark = async (bootId: string) => void boots.push(bootId)
  expect(await ask('k', 'hi', { attachments: [file, csv], mark })).toEqual({ kind: 'answered', text: answerTo('hi') })
  expect(gateway.asks().map(one => one.attachments.map(({ sha256 }) => sha256))).toEqual([[file.sha256, csv.sha256]])
  expect([file.opened.times, boots, proxy.connections()]).toEqual([2, [gateway.bootId()], 2])
  expect(statuses).toEqual(['up', 'down', 'up'])
})

test('agent: after three broken uploads the question goes without files', async () => {
  const { gateway, ask } = await openOverPipe({ cuts: 99, limitBytes: 500_000 })
  const file = fileOf('big.zip', noise(1_000_000))
  expect(await ask('k', 'hi', { attachments: [file] })).toMatchObject({ kind: 'answered' })
  expect(gateway.asks()).toMatchObject([{ text: 'hi\n[big.zip: could not be read]', attachments: [] }])
  expect(file.opened.times).toBe(3)
})

test('agent: a stalled large frame does not close the link', async () => {
  const { gateway, ask, proxy, statuses } = await openOverPipe(
    { stalls: true, limitBytes: 1_000_000 },
    { tickMs: 1_000 },
  )
  const file = fileOf('max.zip', noise(19_464_192))
  const answer = ask('k', 'hi', { attachments: [file] })
  await until('the proxy to stall', proxy.isStalled)
  const before = proxy.returned()
  await until('four ticks', () => proxy.returned() > before + 4 * 70)
  proxy.release()
  expect(await answer).toMatchObject({ kind: 'answered' })
  expect([statuses, proxy.connections(), file.opened.times]).toEqual([['up'], 1, 1])
  expect(gateway.asks()[0]?.attachments[0]?.sha256).toBe(file.sha256)
})

test('agent: an oversized frame fails the run and keeps the link', async () => {
  const { gateway, agent, ask, statuses } = await openAgent()
  const most = agent.limits()?.questionBytes ?? 0
  const halves = (size: number) => [fileOf('a', noise(10_000_000)), fileOf('b', noise(size - 10_000_000))]
  expect(await ask('over', 'hi', { attachments: halves(most + 65_536) })).toMatchObject({ kind: 'failed' })
  expect([gateway.asks(), statuses]).toEqual([[], ['up']])
  expect(await ask('fits', 'hi', { attachments: halves(most) })).toMatchObject({ kind: 'answered' })
})

test('agent: an unreadable file leaves the question unmarked for a retry', async () => {
  const { gateway, ask } = await openAgent()
  const boots: string[] = []
  const mark = async (bootId: string) => void boots.push(bootId)
  const failing: AskAttachment = {
    ...csv,
    async *open() {
      yield Buffer.from('a,b')
      throw new WecomdError('store_failed', 'the media spool cannot be read')
    },
  }
  const failed = await ask('k', 'hi', { attachments: [failing], mark }).catch(error => error.code)
  expect([failed, boots, gateway.asks()]).toEqual(['store_failed', [], []])
  expect(await ask('k', 'hi', { attachments: [csv], mark })).toMatchObject({ kind: 'answered' })
})

test('agent: a question cancelled while waiting to upload is not asked', async () => {
  const open = Promise.withResolvers<void>()
  let held = 0
  const { gateway, ask } = await openAgent({
    async intercept(stage, method, { attachments }) {
      if (stage !== 'received' || method !== 'chat.send' || attachments === undefined) return
      held++
      await open.promise
    },
  })
  const first = ['a', 'b'].map(key => ask(key, 'hi', { sessionKey: `${sessionKey}-${key}`, attachments: [csv] }))
  await until('two of them', () => held === 2)
  const controller = new AbortController()
  const third = ask('c', 'hi', { sessionKey: `${sessionKey}-c`, attachments: [csv] }, controller.signal).catch(
    error => error.code,
  )
  controller.abort()
  expect(await third).toBe('cancelled')
  open.resolve()
  await Promise.all(first)
  await ask('d', 'hi', { sessionKey: `${sessionKey}-c`, attachments: [csv] })
  expect(
    gateway
      .asks()
      .map(({ key }) => key)
      .toSorted(),
  ).toEqual(['a', 'b', 'd'])
})

test('agent: limits are known after the first connect, even while down', async () => {
  const { gateway, agent, limitsBefore } = await openAgent()
  const usual = { attachmentBytes: 19_464_192, imageBytes: 6_291_456, questionBytes: 19_611_648 }
  expect([limitsBefore, agent.limits()]).toEqual([undefined, usual])
  await gateway.kill()
  await until('the link to be down', () => agent.status().state === 'down')
  expect(agent.limits()).toEqual(usual)
})
