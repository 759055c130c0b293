import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { createTranslator } from '../../src/core/notices/notices.ts'
import type { EchoOptions } from '../../src/playground/gateway/echo-gateway.ts'
import type { ScriptStep } from '../../src/playground/gateway/runs/script.ts'
import { isObject } from '../../src/domain/json.ts'
import type { Tenant } from '../../src/playground/tenant/tenant.ts'
import { pngOf } from '../gateway/files.ts'
import { isReady, startAppDaemon, textsOf, untilIdle } from './app-daemon.ts'
import { type TestDaemonOptions, startTestDaemon } from './daemon.ts'
import { SkippingClock } from './skipping-clock.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon(startAppDaemon)

type Bubble = ReturnType<Tenant['say']>

const say = createTranslator('zh-CN')
const picture = pngOf(60)
const table = Buffer.from('a,b\n1,2\n')
const says: ScriptStep = { kind: 'say', text: '做好了' }
const png: ScriptStep = { kind: 'file', name: 'out.png', mimeType: 'image/png', bytes: picture }
const csv: ScriptStep = { kind: 'file', name: '数据 表.csv', mimeType: 'text/csv', bytes: table }
const html: ScriptStep = { kind: 'file', name: 'a.html', mimeType: 'text/html', refused: 'unsupported-format' }
const sent = (name: string) => say({ key: 'file_sent', name })
const alone = { userid: 'zhangsan', text: '做一个' }
const inGroup = { userid: 'zhangsan', chatid: 'wrGroup', text: '@助手 做一个' }

/** A daemon whose agent answers every message with these steps. */
async function open(steps: readonly ScriptStep[], gateway: Partial<EchoOptions> = {}, options: TestDaemonOptions = {}) {
  const script = () => [{ kind: 'wait', ms: 100 } as const, ...steps]
  await daemon.open({ ...options, gateway: { script, filesAfterMs: 50, ...gateway } })
}

async function openWithoutApp(steps: readonly ScriptStep[]) {
  const script = () => [{ kind: 'wait', ms: 100 } as const, ...steps]
  await daemon.open({ gateway: { script, filesAfterMs: 50 } }, startTestDaemon)
  await until('the gateway link', () => isReady(daemon))
}

/** The pictures of the last frame as they travelled: md5, and whether the bytes are those of `picture`. */
function picturesOf(bubble: Bubble) {
  const stream = bubble.captured.at(-1)?.reply.plain?.['stream']
  const items = isObject(stream) && Array.isArray(stream['msg_item']) ? stream['msg_item'].filter(isObject) : []
  return items.map(({ image }) => {
    const { base64, md5 } = isObject(image) ? image : {}
    return { md5, isWhole: Buffer.from(String(base64), 'base64').equals(picture) }
  })
}

const ourPicture = { md5: createHash('md5').update(picture).digest('hex'), isWhole: true }
const mediaOf = (bytes: Uint8Array, type: string, name: string) => ({
  type,
  name,
  bytes: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
})
const ourTable = mediaOf(table, 'file', '数据 表.csv')

/** The files that a user got of the app, once nothing more is on its way. */
async function filesOf(userid: string) {
  await untilIdle(daemon)
  return daemon.tenant.ledger.seen({ userid }).flatMap(entry => (entry.kind === 'app-media' ? [entry.media] : []))
}

const isWell = async () => {
  expect(daemon.tenant.violations()).toEqual([])
  expect(await daemon.api('/api/dead')).toEqual({ dead: [] })
}

for (const [where, saying] of [
  ['in a single chat', alone],
  ['in a group', inGroup],
] as const) {
  describe(`an answer with files, ${where}`, () => {
    test('answer files: a picture is in the finish frame, byte for byte', async () => {
      await open([says, png])
      const bubble = await daemon.tenant.say(saying).finished
      expect([bubble.text, picturesOf(bubble)]).toEqual(['做好了', [ourPicture]])
      expect(await filesOf('zhangsan')).toEqual([])
      await isWell()
    })

    test('answer files: a table goes to the sender by the app, and then the bubble says so', async () => {
      await open([says, csv])
      const bubble = await daemon.tenant.say(saying).finished
      expect(bubble.text).toBe(`做好了\n\n${sent('数据 表.csv')}`)
      expect(await filesOf('zhangsan')).toEqual([ourTable])
      const { entries } = daemon.tenant.ledger
      const places = entries
        .filter(({ kind }) => kind === 'app-media' || kind === 'frame-final')
        .map(({ kind }) => kind)
      expect(places).toEqual(['app-media', 'frame-final'])
      await isWell()
    })

    test('answer files: without an app the picture is shown and the table is named with what is missing', async () => {
      await openWithoutApp([says, png, csv])
      const bubble = await daemon.tenant.say(saying).finished
      const problem = say({ key: 'file_problem', name: '数据 表.csv', problem: 'no_way' })
      expect([bubble.text, picturesOf(bubble)]).toEqual([`做好了\n\n${problem}`, [ourPicture]])
      await isWell()
    })
  })
}

describe('an answer with files', () => {
  test('answer files: several arrive in the order of the answer, the large one first', async () => {
    const sizes = [900, 10, 300, 40, 5]
    const names = sizes.map((_, index) => `${index}.png`)
    const pictures = sizes.map(
      (size, index): ScriptStep => ({
        kind: 'file',
        name: names[index] ?? '',
        mimeType: 'image/png',
        bytes: pngOf(size),
      }),
    )
    await open([says, ...pictures])
    await until('the gateway link', () => isReady(daemon))
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: '做五个' }).done
    await until('five files', async () => (await filesOf('zhangsan')).length === 5)
    expect((await filesOf('zhangsan')).map(one => one?.name)).toEqual(names)
    await isWell()
  })

  test('answer files: of twelve pictures the first ten are in the bubble, in order', async () => {
    const drawn = Array.from({ length: 12 }, (_, index) => pngOf(12 - index + 20))
    const steps = drawn.map(
      (bytes, index): ScriptStep => ({ kind: 'file', name: `${index}.png`, mimeType: 'image/png', bytes }),
    )
    await open([says, ...steps])
    const bubble = await daemon.tenant.say(alone).finished
    const md5s = drawn.map(bytes => createHash('md5').update(bytes).digest('hex'))
    expect(picturesOf(bubble).map(({ md5 }) => md5)).toEqual(md5s.slice(0, 10))
    expect((await filesOf('zhangsan')).map(one => one?.name)).toEqual(['10.png', '11.png'])
    await isWell()
  })

  test('answer files: nothing but a picture is an answer', async () => {
    await open([png])
    const bubble = await daemon.tenant.say(alone).finished
    expect([bubble.text, picturesOf(bubble)]).toEqual([say({ key: 'pictures', names: ['out.png'] }), [ourPicture]])
    await isWell()
  })

  test('answer files: the same file named twice comes once', async () => {
    await open([says, csv, csv, png, png])
    const bubble = await daemon.tenant.say(alone).finished
    expect(picturesOf(bubble)).toEqual([ourPicture])
    expect(await filesOf('zhangsan')).toHaveLength(1)
    await isWell()
  })

  test('answer files: the same bytes under another name are another file', async () => {
    await open([says, csv, { ...csv, name: '又一份.csv' }, png, { ...png, name: 'again.png' }])
    const bubble = await daemon.tenant.say(alone).finished
    expect(picturesOf(bubble)).toEqual([ourPicture, ourPicture])
    expect((await filesOf('zhangsan')).map(one => one?.name)).toEqual(['数据 表.csv', '又一份.csv'])
    await isWell()
  })

  test('answer files: what the gateway refuses to hand over is said', async () => {
    await open([says, html])
    const bubble = await daemon.tenant.say(alone).finished
    expect(bubble.text).toBe(`做好了\n\n${say({ key: 'file_problem', name: 'a.html', problem: 'withheld' })}`)
    expect(await filesOf('zhangsan')).toEqual([])
  })

  test('answer files: a file that WeCom refuses after the text was delivered is named', async () => {
    const clock = new SkippingClock()
    await open([says, { ...csv, afterMs: 20_000 }], {}, { clock })
    const bubble = daemon.tenant.say(alone)
    const passUntil = (what: string, look: () => boolean) => until(what, () => (clock.skip(100), look()))
    await passUntil('the bubble to close', () => bubble.text.startsWith('做好了'))
    daemon.tenant.api.failWith('/cgi-bin/media/upload', 40_006, 1)
    await passUntil('the notice', () => textsOf(daemon, 'zhangsan').length > 0)
    await untilIdle(daemon)
    expect(textsOf(daemon, 'zhangsan')).toEqual([
      say({ key: 'file_problem', name: '数据 表.csv', problem: 'not_sent' }),
    ])
    expect(await daemon.api('/api/dead')).toMatchObject({ dead: [{ kind: 'file' }] })
  })

  test('answer files: an answer to the app is its text and then its files', async () => {
    await open([says, png, csv])
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: '做一个' }).done
    await until('both files', () => daemon.tenant.ledger.seen({ userid: 'zhangsan' }).length >= 3)
    // Each goes as soon as it is fetched.
    const files = await filesOf('zhangsan')
    expect(files).toHaveLength(2)
    expect(files).toContainEqual(mediaOf(picture, 'image', 'out.png'))
    expect(files).toContainEqual(ourTable)
    expect(daemon.tenant.ledger.seen({ userid: 'zhangsan' }).map(({ text }) => text)[0]).toBe('做好了')
    await isWell()
  })

  test('answer files: a bubble that nobody fetches any more loses nothing', async () => {
    await open([says, png, csv], {}, { bot: { stream: { windowMs: 3_000, handoverMs: 0 } } })
    const bubble = daemon.tenant.say(alone)
    await bubble.opened
    bubble.stopPolling()
    await until('all of it', () => daemon.tenant.ledger.seen({ userid: 'zhangsan' }).length >= 3)
    const files = await filesOf('zhangsan')
    expect(files).toHaveLength(2)
    expect(files).toContainEqual(mediaOf(picture, 'image', 'out.png'))
    expect(files).toContainEqual(ourTable)
    const texts = daemon.tenant.ledger.seen({ userid: 'zhangsan' }).filter(({ kind }) => kind === 'app-text')
    expect(texts.map(({ text }) => text)).toEqual(['做好了'])
    await isWell()
  })

  test('answer files: a daemon that is started again before the file was fetched brings everything once', async () => {
    let isShut = true
    let gets = 0
    const interceptFile = (answer: Response) => {
      gets++
      return isShut ? new Response('', { status: 503 }) : answer
    }
    await open([says, png, csv], { interceptFile })
    const bubble = daemon.tenant.say(alone)
    await until('a try of both', () => gets >= 2)
    await daemon.restart()
    isShut = false
    await bubble.finished
    expect([bubble.text, picturesOf(bubble)]).toEqual([`做好了\n\n${sent('数据 表.csv')}`, [ourPicture]])
    expect(await filesOf('zhangsan')).toEqual([ourTable])
    expect(daemon.gateway.asks()).toHaveLength(1)
    await isWell()
  })

  test('answer files: a daemon that is started again before the direct message left brings everything once', async () => {
    await open([says, csv])
    const upload = '/cgi-bin/media/upload'
    daemon.tenant.api.fail({ when: 'before', how: 502 }, upload)
    const bubble = daemon.tenant.say(alone)
    await until('a try', () => daemon.tenant.api.requests.some(({ path }) => path === upload))
    await daemon.restart()
    await bubble.finished
    expect(bubble.text).toBe(`做好了\n\n${sent('数据 表.csv')}`)
    expect(await filesOf('zhangsan')).toEqual([ourTable])
    await isWell()
  })
})
