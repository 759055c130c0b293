import { afterEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import type { RunEnd } from '../../src/domain/agent.ts'
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

const idOf = (end: RunEnd, index = 0) => (end.kind === 'answered' ? end.files?.[index]?.id : undefined) ?? ''

/** The bytes stored in the spool under a name. */
async function bytesOf({ spool }: Opened, file: string): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync((await spool.open({ kind: 'spool', file })).open()))
}

const kept = (bytes: Uint8Array) => ({
  kind: 'kept',
  bytes: bytes.length,
  digest: createHash('sha256').update(bytes).digest('hex'),
})

describe('the files of an answer', () => {
  test("agent: an answer's files are fetched intact, a refused one is named", async () => {
    const opened = await openWith([reply, png, csv, html])
    const end = await opened.ask('k', 'hi')
    expect(end).toEqual({
      kind: 'answered',
      text: 'here',
      files: [
        { id: expect.stringMatching(/^artifact_managed_image_/), fileName: 'out.png', mimeType: 'image/png' },
        { id: expect.stringMatching(/^artifact_managed_media_/), fileName: '数据 表.csv', mimeType: 'text/csv' },
        { fileName: 'a.html', mimeType: 'text/html' },
      ],
    })
    for (const [index, bytes] of [picture, table].entries()) {
      expect<object>(await opened.agent.collect(sessionKey, idOf(end, index), `f${index}`)).toEqual(kept(bytes))
      expect(Buffer.compare(await bytesOf(opened, `f${index}`), bytes)).toBe(0)
    }
  })

  test('agent: the final text is reported before the files are found', async () => {
    const { ask, chunks } = await openWith([reply, png], { filesAfterMs: 700 })
    const end = ask('k', 'hi')
    await until('the text', () => chunks.some(chunk => chunk.kind === 'text' && chunk.text === 'here'))
    expect(await end).toMatchObject({ text: 'here', files: [{ fileName: 'out.png' }] })
  })

  test('agent: an answer of only a file has empty text, live or from history', async () => {
    const { ask, gateway } = await openWith([png])
    const alone = { kind: 'answered', text: '', files: [{ fileName: 'out.png' }] } as const
    expect(await ask('k', 'hi')).toMatchObject(alone)
    const asked = { at: 0, bootId: gateway.bootId() }
    expect(await ask('k', 'hi', { asked })).toMatchObject(alone)
    expect(gateway.asks()).toHaveLength(1)
  })

  test('agent: a plain answer costs no extra read, one after a tool costs one', async () => {
    const plain = await openWith([reply])
    expect(await plain.ask('k', 'hi')).toEqual({ kind: 'answered', text: 'here' })
    expect(plain.calls).toEqual(['connect', 'chat.history', 'chat.send'])
    const tooled = await openWith([tool, reply])
    expect(await tooled.ask('k', 'hi')).toEqual({ kind: 'answered', text: 'here' })
    expect(tooled.calls).toEqual(['connect', 'chat.history', 'chat.send', 'chat.history'])
  })

  test('agent: a file named after the 4,096-character cut is found', async () => {
    const long = 'x'.repeat(4_096)
    const { ask, count } = await openWith([{ kind: 'say', text: long }, csv])
    expect(await ask('k', 'hi')).toMatchObject({ text: long, files: [{ fileName: '数据 表.csv' }] })
    expect(count('chat.history')).toBe(2)
  })

  test('agent: named files that never come delay the answer by two seconds', async () => {
    const { ask, count } = await openWith([reply, png], { filesAfterMs: 60_000 })
    expect(await ask('k', 'hi')).toEqual({ kind: 'answered', text: 'here' })
    expect(count('chat.history')).toBe(1 + 8)
  })

  test('agent: an answer of only files that never come is empty', async () => {
    const { ask } = await openWith([png], { filesAfterMs: 60_000 })
    expect(await ask('k', 'hi')).toEqual({ kind: 'empty' })
  })

  test('agent: files are found although the link breaks meanwhile', async () => {
    let looks = 0
    const opened = await openWith([reply, csv], {
      intercept(stage, method) {
        if (stage === 'received' && method === 'chat.history' && ++looks === 2) opened.gateway.dropConnections()
      },
    })
    expect(await opened.ask('k', 'hi')).toMatchObject({ text: 'here', files: [{ fileName: '数据 表.csv' }] })
    expect(opened.statuses).toEqual(['up', 'down', 'up'])
  })

  test('agent: a gateway killed before the files are stored keeps the text', async () => {
    let looks = 0
    const opened = await openWith([reply, csv], {
      filesAfterMs: 60_000,
      async intercept(stage, method) {
        if (stage !== 'received' || method !== 'chat.history' || ++looks !== 2) return
        await opened.gateway.kill()
        opened.gateway.start()
      },
    })
    expect(await opened.ask('k', 'hi')).toEqual({ kind: 'answered', text: 'here' })
    expect(opened.gateway.asks()).toHaveLength(1)
  })

  test('agent: a cancelled ask finds the answer and its files again', async () => {
    const { ask, gateway, chunks } = await openWith([reply, csv], { filesAfterMs: 600 })
    const controller = new AbortController()
    const first = ask('k', 'hi', {}, controller.signal).catch(error => error.code)
    await until('the row', () => gateway.history(sessionKey).some(({ role }) => role === 'assistant'))
    await until('the text', () => chunks.length > 0)
    controller.abort()
    expect(await first).toBe('cancelled')
    const asked = { at: 0, bootId: gateway.bootId() }
    expect(await ask('k', 'hi', { asked })).toMatchObject({ text: 'here', files: [{ fileName: '数据 表.csv' }] })
    expect(gateway.asks()).toHaveLength(1)
  })

  test('agent: the echo agent makes an image and a table on request', async () => {
    const opened = await openWith([], { script: quickEcho })
    const files = [{ mimeType: 'image/png' }, { mimeType: 'text/csv' }]
    expect(await opened.ask('k', '一张图片和一份文件')).toMatchObject({ files })
    expect(await opened.ask('j', 'a picture and a file report')).toMatchObject({ files })
  })
})

describe('collecting a file', () => {
  async function answered(options: Partial<EchoOptions> = {}, step: ScriptStep = csv) {
    const opened = await openWith([reply, step], { filesAfterMs: 50, ...options })
    const id = idOf(await opened.ask('k', 'hi'))
    return { ...opened, fetch: () => opened.agent.collect(sessionKey, id, 'f') }
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
