import { afterEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { speaker } from '../../src/core/notices/notices.ts'
import type { EchoOptions } from '../../src/playground/gateway/echo-gateway.ts'
import type { Step } from '../../src/playground/gateway/runs/script.ts'
import { isObject } from '../../src/playground/json.ts'
import type { Tenant } from '../../src/playground/tenant/tenant.ts'
import { pngOf } from '../gateway/files.ts'
import { isReady, openAppHouse, untilIdle } from './app-house.ts'
import { type House, type HouseOptions, openHouse } from './house.ts'
import { until } from './until.ts'

let house: House
afterEach(() => house.close())

type Bubble = ReturnType<Tenant['say']>

const say = speaker('zh-CN')
const picture = pngOf(60)
const table = Buffer.from('a,b\n1,2\n')
const says: Step = { kind: 'say', text: '做好了' }
const png: Step = { kind: 'file', name: 'out.png', mimeType: 'image/png', bytes: picture }
const csv: Step = { kind: 'file', name: '数据 表.csv', mimeType: 'text/csv', bytes: table }
const html: Step = { kind: 'file', name: 'a.html', mimeType: 'text/html', refused: 'unsupported-format' }
const sent = (name: string) => say({ key: 'file_sent', name })
const alone = { userid: 'zhangsan', text: '做一个' }
const inGroup = { userid: 'zhangsan', chatid: 'wrGroup', text: '@助手 做一个' }

/** A house whose agent answers every message with these steps. */
async function open(steps: readonly Step[], gateway: Partial<EchoOptions> = {}, options: HouseOptions = {}) {
  const script = () => [{ kind: 'wait', ms: 100 } as const, ...steps]
  house = await openAppHouse({ ...options, gateway: { script, filesAfterMs: 50, ...gateway } })
}

async function openWithoutApp(steps: readonly Step[]) {
  const script = () => [{ kind: 'wait', ms: 100 } as const, ...steps]
  house = await openHouse({ gateway: { script, filesAfterMs: 50 } })
  await until('the gateway link', () => isReady(house))
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
  await untilIdle(house)
  return house.tenant.ledger.seen({ userid }).flatMap(entry => (entry.kind === 'app-media' ? [entry.media] : []))
}

const isWell = async () => {
  expect(house.tenant.violations()).toEqual([])
  expect(await house.api('/api/dead')).toEqual({ dead: [] })
}

for (const [where, saying] of [
  ['in a single chat', alone],
  ['in a group', inGroup],
] as const) {
  describe(`an answer with files, ${where}`, () => {
    test('answer files: a picture is in the finish frame, byte for byte', async () => {
      await open([says, png])
      const bubble = await house.tenant.say(saying).finished
      expect([bubble.text, picturesOf(bubble)]).toEqual(['做好了', [ourPicture]])
      expect(await filesOf('zhangsan')).toEqual([])
      await isWell()
    })

    test('answer files: a table goes to the sender by the app, and then the bubble says so', async () => {
      await open([says, csv])
      const bubble = await house.tenant.say(saying).finished
      expect(bubble.text).toBe(`做好了\n\n${sent('数据 表.csv')}`)
      expect(await filesOf('zhangsan')).toEqual([ourTable])
      const { entries } = house.tenant.ledger
      const places = entries
        .filter(({ kind }) => kind === 'app-media' || kind === 'frame-final')
        .map(({ kind }) => kind)
      expect(places).toEqual(['app-media', 'frame-final'])
      await isWell()
    })

    test('answer files: without an app the picture is shown and the table is named with what is missing', async () => {
      await openWithoutApp([says, png, csv])
      const bubble = await house.tenant.say(saying).finished
      const problem = say({ key: 'file_problem', name: '数据 表.csv', problem: 'no_way' })
      expect([bubble.text, picturesOf(bubble)]).toEqual([`做好了\n\n${problem}`, [ourPicture]])
      await isWell()
    })
  })
}

describe('an answer with files', () => {
  test('answer files: nothing but a picture is an answer', async () => {
    await open([png])
    const bubble = await house.tenant.say(alone).finished
    expect([bubble.text, picturesOf(bubble)]).toEqual([say({ key: 'pictures', names: ['out.png'] }), [ourPicture]])
    await isWell()
  })

  test('answer files: the same file named twice comes once', async () => {
    await open([says, csv, { ...csv, name: '又一份.csv' }, png, { ...png, name: 'again.png' }])
    const bubble = await house.tenant.say(alone).finished
    expect(picturesOf(bubble)).toEqual([ourPicture])
    expect(await filesOf('zhangsan')).toHaveLength(1)
    await isWell()
  })

  test('answer files: what the gateway refuses to hand over is said', async () => {
    await open([says, html])
    const bubble = await house.tenant.say(alone).finished
    expect(bubble.text).toBe(`做好了\n\n${say({ key: 'file_problem', name: 'a.html', problem: 'withheld' })}`)
    expect(await filesOf('zhangsan')).toEqual([])
  })

  test('answer files: an answer to the app is its text and then its files', async () => {
    await open([says, png, csv])
    await house.tenant.sayToApp({ userid: 'zhangsan', text: '做一个' }).done
    await until('both files', () => house.tenant.ledger.seen({ userid: 'zhangsan' }).length >= 3)
    // Each goes as soon as it is fetched.
    const files = await filesOf('zhangsan')
    expect(files).toHaveLength(2)
    expect(files).toContainEqual(mediaOf(picture, 'image', 'out.png'))
    expect(files).toContainEqual(ourTable)
    expect(house.tenant.ledger.seen({ userid: 'zhangsan' }).map(({ text }) => text)[0]).toBe('做好了')
    await isWell()
  })

  test('answer files: a bubble that nobody fetches any more loses nothing', async () => {
    await open([says, png, csv], {}, { bot: { stream: { windowMs: 3_000, handoverMs: 0 } } })
    const bubble = house.tenant.say(alone)
    await bubble.opened
    bubble.stopPolling()
    await until('all of it', () => house.tenant.ledger.seen({ userid: 'zhangsan' }).length >= 3)
    const files = await filesOf('zhangsan')
    expect(files).toHaveLength(2)
    expect(files).toContainEqual(mediaOf(picture, 'image', 'out.png'))
    expect(files).toContainEqual(ourTable)
    const texts = house.tenant.ledger.seen({ userid: 'zhangsan' }).filter(({ kind }) => kind === 'app-text')
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
    const bubble = house.tenant.say(alone)
    await until('a try of both', () => gets >= 2)
    await house.restart()
    isShut = false
    await bubble.finished
    expect([bubble.text, picturesOf(bubble)]).toEqual([`做好了\n\n${sent('数据 表.csv')}`, [ourPicture]])
    expect(await filesOf('zhangsan')).toEqual([ourTable])
    expect(house.gateway.asks()).toHaveLength(1)
    await isWell()
  })

  test('answer files: a daemon that is started again before the direct message left brings everything once', async () => {
    await open([says, csv])
    const upload = '/cgi-bin/media/upload'
    house.tenant.api.fail({ when: 'before', how: 502 }, upload)
    const bubble = house.tenant.say(alone)
    await until('a try', () => house.tenant.api.requests.some(({ path }) => path === upload))
    await house.restart()
    await bubble.finished
    expect(bubble.text).toBe(`做好了\n\n${sent('数据 表.csv')}`)
    expect(await filesOf('zhangsan')).toEqual([ourTable])
    await isWell()
  })
})
