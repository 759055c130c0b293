import { afterEach, describe, expect, test } from 'bun:test'
import { bigAnswer } from '../../src/playground/echo-script.ts'
import { directMessages, openAppHouse, sendPath, textsOf, untilIdle } from './app-house.ts'
import type { House } from './house.ts'
import { SettableClock } from './settable-clock.ts'
import { until } from './until.ts'

let house: House
let clock: SettableClock
afterEach(() => house.close())

/** A house whose bubbles end after a second, and whose agent answers `long` with more than any frame holds. */
async function open() {
  clock = new SettableClock()
  const gate = Promise.withResolvers<void>()
  house = await openAppHouse({
    clock,
    bot: { stream: { windowMs: 2_000, handoverMs: 1_000 } },
    gateway: {
      async *script(text) {
        if (text !== 'at once') await gate.promise
        yield { kind: 'say', text: text === 'long' ? long : `re: ${text}` }
      },
    },
  })
  return { letGo: () => gate.resolve() }
}

const long = bigAnswer(40_000)
const posts = () => house.tenant.responses.posts
const tries = () => house.tenant.api.count(sendPath)

interface Status {
  readonly dead: number
  readonly outbox: { readonly queued: number; readonly held: number }
  readonly accounts: readonly { readonly app: { readonly held?: { readonly errcode: number; readonly hint: string } } }[]
}

// The daemon is of this source.
const statusOf = async () => (await house.api('/api/status')) as Status
const heldOf = async () => (await statusOf()).accounts[0]?.app.held

/** Lets the time pass and the daemon notice: its timers wait as long as they were set for. */
async function pass(ms: number): Promise<void> {
  clock.step(ms)
  await house.tenant.sayToApp({ userid: '007zhang', text: '/wake' }).done
}

describe('an app that WeCom refuses (60020)', () => {
  test('second way: an answer goes by response_url at once, the next one without a try at the app', async () => {
    const { letGo } = await open()
    house.tenant.api.trustOnly(['10.1.2.3'])
    const bubbles = ['zhangsan', 'lisi'].map(userid => house.tenant.say({ userid, text: '你好' }))
    await Promise.all(bubbles.map(bubble => bubble.finished))
    letGo()
    await until('both answers', () => posts().length === 2)
    await untilIdle(house)
    for (const userid of ['zhangsan', 'lisi']) {
      expect(house.tenant.ledger.seen({ userid }).at(-1)).toMatchObject({ kind: 'markdown', text: 're: 你好' })
    }
    const third = await house.tenant.say({ userid: 'zhangsan', text: '再来' }).finished
    await until('the third answer', () => third.text === 're: 再来')
    expect(await heldOf()).toMatchObject({ errcode: 60_020, hint: expect.stringContaining('127.0.0.1') })
    expect(await statusOf()).toMatchObject({ dead: 0, outbox: { queued: 0, held: 0 } })

    house.tenant.api.trustOnly(undefined)
    await pass(60_000)
    await until('the app to be free', async () => (await heldOf()) === undefined)
    expect(posts()).toHaveLength(3)
    expect(textsOf(house, 'zhangsan')).toEqual([])
  })
})
