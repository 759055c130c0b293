import { afterEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import type { EchoOptions } from '../../src/playground/gateway/echo-gateway.ts'
import type { ScriptStep } from '../../src/playground/gateway/runs/script.ts'
import { until } from '../scenarios/until.ts'
import { closeAgents, openAgent, sessionKey } from './agents.ts'
import { noise, pngOf } from './files.ts'
import { quickEcho } from './quick-echo.ts'

afterEach(closeAgents)

const picture = pngOf(60)
const table = Buffer.from('a,b\n1,2\n')
const reply: ScriptStep = { kind: 'say', text: 'here' }
const png: ScriptStep = { kind: 'file', name: 'out.png', mimeType: 'image/png', bytes: picture }
const csv: ScriptStep = { kind: 'file', name: '数据 表.csv', mimeType: 'text/csv', bytes: table }
const html: ScriptStep = { kind: 'file', name: 'a.html', mimeType: 'text/html', refused: 'unsupported-format' }
const tool: ScriptStep = { kind: 'tool', name: 'exec', args: {}, ms: 10, result: 'ok' }

/** An agent that answers with these steps, and the calls the gateway received. */
async function openWith(steps: readonly ScriptStep[], options: Partial<EchoOptions> = {}) {
  const calls: string[] = []
  const opened = await openAgent({
    script: () => [{ kind: 'wait', ms: 60 }, ...steps],
    ...options,
    async intercept(stage, method, params) {
      if (stage === 'received') calls.push(method)
      await options.intercept?.(stage, method, params)
    },
    interceptFile(answer, count) {
      calls.push('GET')
      return options.interceptFile?.(answer, count) ?? answer
    },
  })
  const count = (name: string) => calls.filter(one => one === name).length
  return { ...opened, calls, count }
}

type Opened = Awaited<ReturnType<typeof openWith>>

/** The bytes stored in the spool under a name. */
async function bytesOf({ spool }: Opened, file: string): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync((await spool.open({ kind: 'spool', file })).open()))
}

const kept = (bytes: Uint8Array) => ({
  kind: 'kept',
  bytes: bytes.length,
  digest: createHash('sha256').update(bytes).digest('hex'),
})

const searchFor = (...named: readonly string[]) => ({ runIds: ['k'], named, others: 'none' })

describe('the files of an answer', () => {
  test("agent: an answer's files are fetched intact, a refused one is named", async () => {
    const opened = await openWith([reply, png, csv, html])
    const { end, files } = await opened.askForFiles('k', 'hi', 3)
    const search = searchFor('out.png', '数据 表.csv', 'a.html')
    expect<object>(end).toEqual({ kind: 'answered', text: 'here', search })
    expect(files).toEqual([
      { id: expect.stringMatching(/^artifact_managed_image_/), fileName: 'out.png', mimeType: 'image/png' },
      { id: expect.stringMatching(/^artifact_managed_media_/), fileName: '数据 表.csv', mimeType: 'text/csv' },
      { fileName: 'a.html', mimeType: 'text/html' },
    ])
    for (const [index, bytes] of [picture, table].entries()) {
      expect<object>(await opened.agent.collect(sessionKey, files[index]?.id ?? '', `f${index}`)).toEqual(kept(bytes))
      expect(Buffer.compare(await bytesOf(opened, `f${index}`), bytes)).toBe(0)
    }
  })

  test('agent: an answer does not wait for its files', async () => {
    const { ask, agent, count } = await openWith([reply, png], { filesAfterMs: 60_000 })
    expect<object>(await ask('k', 'hi')).toEqual({ kind: 'answered', text: 'here', search: searchFor('out.png') })
    expect(count('chat.history')).toBe(1)
    expect(await agent.findFiles({ key: 'k', sessionKey, runIds: ['k'] })).toEqual({ kind: 'found', files: [] })
  })

  test('agent: an answer of only a file has empty text, live or from history', async () => {
    const { askForFiles, ask, gateway } = await openWith([png])
    const { end, files } = await askForFiles('k', 'hi', 1)
    expect<object>(end).toEqual({ kind: 'answered', text: '', search: searchFor('out.png') })
    const asked = { at: 0, bootId: gateway.bootId() }
    expect(await ask('k', 'hi', { asked })).toMatchObject({ kind: 'answered', text: '', files })
    expect(gateway.asks()).toHaveLength(1)
  })

  test('agent: a plain answer expects no files, one after a tool might have some', async () => {
    const plain = await openWith([reply])
    expect(await plain.ask('k', 'hi')).toEqual({ kind: 'answered', text: 'here' })
    const tooled = await openWith([tool, reply])
    expect(await tooled.ask('k', 'hi')).toMatchObject({ text: 'here', search: { named: [], others: 'unlikely' } })
    for (const { calls } of [plain, tooled])
      expect(calls).toEqual(['connect', 'question.list', 'chat.history', 'chat.send'])
  })

  test('agent: a file named after the 4,096-character cut is found', async () => {
    const long = 'x'.repeat(4_096)
    const { askForFiles } = await openWith([{ kind: 'say', text: long }, csv])
    const { end, files } = await askForFiles('k', 'hi', 1)
    expect(end).toMatchObject({ text: long, search: { named: [], others: 'possible' } })
    expect(files).toMatchObject([{ fileName: '数据 表.csv' }])
  })

  test('agent: an old answer from the history is complete', async () => {
    const { ask, gateway } = await openWith([reply])
    await ask('k', 'hi')
    for (const row of gateway.history(sessionKey)) Object.assign(row, { timestamp: row.timestamp - 60_000 })
    const asked = { at: 0, bootId: gateway.bootId() }
    expect(await ask('k', 'hi', { asked })).toEqual({ kind: 'answered', text: 'here', files: [] })
  })

  test('agent: the files of a fresh answer from the history are searched', async () => {
    const { ask, gateway } = await openWith([reply])
    await ask('k', 'hi')
    const asked = { at: 0, bootId: gateway.bootId() }
    expect(await ask('k', 'hi', { asked })).toMatchObject({ text: 'here', search: { named: [], others: 'possible' } })
  })

  test('agent: a look without a link is made later', async () => {
    const { ask, agent, gateway } = await openWith([reply, csv])
    await ask('k', 'hi')
    await gateway.kill()
    await until('the link to be down', () => agent.status().state === 'down')
    const look = () => agent.findFiles({ key: 'k', sessionKey, runIds: [] })
    expect(await look()).toEqual({ kind: 'later', retryAfterMs: expect.any(Number) })
    gateway.start()
    await until('the link', () => agent.status().state === 'up')
    // The gateway died before it stored the file.
    expect(await look()).toEqual({ kind: 'found', files: [] })
  })

  test('agent: files are found by their question when another follows', async () => {
    const { ask, askForFiles, gateway } = await openWith([], {
      script: message => (message === 'first' ? [reply, csv] : [reply]),
      filesAfterMs: 500,
    })
    const first = askForFiles('k', 'first', 1)
    await until('the row', () => gateway.history(sessionKey).some(({ role }) => role === 'assistant'))
    const second = await ask('j', 'second')
    expect((await first).files).toMatchObject([{ fileName: '数据 表.csv' }])
    expect(second).toEqual({ kind: 'answered', text: 'here' })
  })

  test('agent: the echo agent makes an image and a table on request', async () => {
    const opened = await openWith([], { script: quickEcho })
    const files = [{ mimeType: 'image/png' }, { mimeType: 'text/csv' }]
    expect(await opened.askForFiles('k', '一张图片和一份文件', 2)).toMatchObject({ files })
    expect(await opened.askForFiles('j', 'a picture and a file report', 2)).toMatchObject({ files })
  })
})

describe('collecting a file', () => {
  async function answered(options: Partial<EchoOptions> = {}, step: ScriptStep = csv) {
    const opened = await openWith([reply, step], { filesAfterMs: 50, ...options })
    const { files } = await opened.askForFiles('k', 'hi', 1)
    return { ...opened, fetch: () => opened.agent.collect(sessionKey, files[0]?.id ?? '', 'f') }
  }

  const status = (code: number, headers = {}) => new Response('x', { status: code, headers })
  const once = (other: (answer: Response) => Response) => (answer: Response, count: number) =>
    count === 1 ? other(answer) : answer

  const notYet: readonly [string, (answer: Response) => Response][] = [
    ['an expired ticket', () => status(401)],
    ['a gateway error', () => status(503)],
    ['a redirect', () => status(302, { location: '/healthz' })],
  ]
  for (const [what, other] of notYet) {
    test(`agent: a download with ${what} leaves no file and is retried`, async () => {
      const opened = await answered({ interceptFile: once(other) })
      expect(await opened.fetch()).toEqual({ kind: 'later' })
      expect(readdirSync(opened.spoolFolder)).toEqual([])
      expect<object>(await opened.fetch()).toEqual(kept(table))
      expect(opened.count('artifacts.download')).toBe(2)
    })
  }

  test('agent: a broken download leaves no file and is retried', async () => {
    const begun = Promise.withResolvers<void>()
    let gets = 0
    const opened = await answered({
      interceptFile(answer) {
        if (++gets > 1) return answer
        return new Response(
          new ReadableStream({
            start(sink) {
              sink.enqueue(table.subarray(0, 4)) // and nothing more
              begun.resolve()
            },
          }),
        )
      },
    })
    const first = opened.fetch()
    await begun.promise
    await until('the first bytes', () => readdirSync(opened.spoolFolder).length > 0)
    await opened.gateway.kill()
    expect(await first).toEqual({ kind: 'later' })
    expect(readdirSync(opened.spoolFolder)).toEqual([])
    await until('the link to be down', () => opened.agent.status().state !== 'up')
    opened.gateway.start()
    await until('the link', () => opened.agent.status().state === 'up')
    expect<object>(await opened.fetch()).toEqual(kept(table))
  })

  test('agent: a file the gateway does not have is reported as gone', async () => {
    for (const code of [404, 410]) {
      const { fetch } = await answered({ interceptFile: () => status(code) })
      expect(await fetch()).toEqual({ kind: 'failed', problem: 'gone' })
    }
    const { agent } = await openAgent()
    expect(await agent.collect(sessionKey, 'artifact_x', 'f')).toEqual({ kind: 'failed', problem: 'gone' })
  })

  test('agent: a download is retried while the gateway is down', async () => {
    const opened = await answered()
    await opened.gateway.kill()
    await until('the link to be down', () => opened.agent.status().state === 'down')
    expect(await opened.fetch()).toEqual({ kind: 'later' })
    opened.gateway.start()
    await until('the link', () => opened.agent.status().state === 'up')
    expect<object>(await opened.fetch()).toEqual(kept(table))
  })

  test('agent: a file of 20 MiB is fetched, a larger one not requested', async () => {
    const most = 20 * 1_048_576
    const bin = (bytes: Uint8Array): ScriptStep => ({ kind: 'file', name: 'a.zip', mimeType: 'application/zip', bytes })
    const fits = await answered({}, bin(noise(most)))
    expect<object>(await fits.fetch()).toEqual(kept(noise(most)))
    const over = await answered({}, bin(noise(most + 1)))
    expect(await over.fetch()).toEqual({ kind: 'failed', problem: 'too_large' })
    expect([over.count('GET'), readdirSync(over.spoolFolder)]).toEqual([0, []])
  })

  test('agent: a body larger than 20 MiB is not kept', async () => {
    const large = noise(20 * 1_048_576 + 1)
    const bodies = [
      () => new Response(large),
      () => new Response(new ReadableStream({ start: sink => (sink.enqueue(large), sink.close()) })),
    ]
    for (const body of bodies) {
      const opened = await answered({ interceptFile: body })
      expect(await opened.fetch()).toEqual({ kind: 'failed', problem: 'too_large' })
      expect(readdirSync(opened.spoolFolder)).toEqual([])
    }
  })
})
