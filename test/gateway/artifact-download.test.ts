import { afterEach, expect, test } from 'bun:test'
import { createFileDownload } from '../../src/gateway/chat/artifact-download.ts'
import { createLog } from '../../src/world.ts'
import { until } from '../scenarios/until.ts'
import { Links, reach, refusal } from './links.ts'
import { hello } from './raw-gateway.ts'

const links = new Links()
afterEach(() => links.closeAll())

type Fetch = Parameters<typeof createFileDownload>[1]['fetch']

/** Starts a download; `answer` is the gateway's response to `artifacts.download`. */
async function collecting(answer: object, fetch: Fetch) {
  const gateway = links.raw(() => hello())
  const link = links.link({ url: `${gateway.url}/some/path?x=1` })
  await reach(link, 'up')
  const { connection, clock, pass } = link
  const lines: string[] = []
  const log = createLog(
    line => void lines.push(line),
    () => clock.now(),
    { level: 'debug', format: 'json' },
  )
  const written: string[] = []
  const createFile = async (name: string) => ({
    write: async (piece: Uint8Array) => void written.push(`${name} ${Buffer.from(piece).toString()}`),
    finish: async () => void written.push('finished'),
    abandon: async () => void written.push('abandoned'),
  })
  const timers = { at: clock.alarm.bind(clock) }
  const collect = createFileDownload(connection, { clock, timers, log, fetch, createFile })
  const end = collect('s', 'a', 'f')
  const request = await until('the request', () => gateway.requests[0])
  gateway.send({ type: 'res', id: request.id, ...answer })
  return { end, gateway, clock, pass, lines, written, request }
}

const placed = (url: unknown, sizeBytes?: number) => ({ ok: true, payload: { artifact: { sizeBytes }, url } })
const never: Fetch = async () => {
  throw new Error('unexpected fetch')
}

test('download: the path is fetched from the gateway, even with two slashes', async () => {
  const calls: [string, BunFetchRequestInit | undefined][] = []
  const opened = await collecting(placed('//other.test/x?mediaTicket=secret'), async (url, init) => {
    calls.push([url, init])
    return new Response('abc')
  })
  expect(await opened.end).toMatchObject({ kind: 'kept', bytes: 3 })
  expect(opened.request).toMatchObject({ method: 'artifacts.download', params: { sessionKey: 's', artifactId: 'a' } })
  const origin = opened.gateway.url.replace('ws', 'http')
  expect(calls).toEqual([
    [
      `${origin}//other.test/x?mediaTicket=secret`,
      { redirect: 'manual', headers: { 'accept-encoding': 'identity' }, signal: expect.any(AbortSignal) },
    ],
  ])
  expect(opened.written).toEqual(['f abc', 'finished', 'abandoned'])
  expect(opened.lines.join()).not.toContain('secret')
})

test('download: a URL of another host is refused', async () => {
  for (const url of ['https://other.test/x', 'other', undefined, 7]) {
    const { end } = await collecting(placed(url), never)
    expect(await end).toEqual({ kind: 'failed', problem: 'gone' })
  }
})

test('download: one too slow for its size is aborted and retried', async () => {
  const asked = Promise.withResolvers<void>()
  const stuck: Fetch = (_url, init) => {
    asked.resolve()
    return new Promise((_, reject) => init?.signal?.addEventListener('abort', () => reject(new Error('aborted'))))
  }
  const { end, pass, clock } = await collecting(placed('/x', 1_310_720), stuck)
  await asked.promise
  const ends: object[] = []
  void end.then(one => ends.push(one))
  const begun = clock.now()
  await pass(39_999)
  expect(ends).toEqual([])
  await pass(1)
  expect(await end).toEqual({ kind: 'later' })
  expect(clock.now() - begun).toBe(40_000)
})

test('download: only a starting gateway says when to retry', async () => {
  const starting = { ok: false, error: { code: 'UNAVAILABLE', message: 'starting', retryAfterMs: 500 } }
  expect(await (await collecting(starting, never)).end).toEqual({ kind: 'later', retryAfterMs: 500 })
  expect(await (await collecting(refusal('UNAVAILABLE'), never)).end).toEqual({ kind: 'later' })
  expect(await (await collecting(refusal('INVALID_REQUEST'), never)).end).toMatchObject({ problem: 'gone' })
})
