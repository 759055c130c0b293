import { describe, expect, test } from 'bun:test'
import type { MemberEvent } from '../../src/playground/tenant/app/apps.ts'
import { wecomd } from '../cli/child.ts'
import { startAppDaemon, sendPath, textsOf, untilIdle, untilTexts } from './app-daemon.ts'
import type { TestDaemonOptions } from './daemon.ts'
import { SettableClock } from './settable-clock.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon(startAppDaemon)

async function open(options: TestDaemonOptions = {}): Promise<void> {
  await daemon.open({ gateway: { script: text => [{ kind: 'say', text: `re: ${text}` }] }, ...options })
}

const welcome = '欢迎使用助手'
const happen = (event: string, more: Partial<MemberEvent> = {}) =>
  daemon.tenant.appEvent({ event, userid: 'zhangsan', ...more }).done

/** What the status says of the app. */
async function appStatus() {
  // The daemon is of this source.
  const { accounts } = (await daemon.api('/api/status')) as {
    accounts: { app: { counts: Record<string, number>; activity?: object } }[]
  }
  const [account] = accounts
  if (account === undefined) throw new Error('the status has no account')
  return account.app
}

describe('the welcome', () => {
  test('app: subscribe and enter_agent count together, also at once and after a restart: one welcome a day', async () => {
    await open({ agent: { welcomeText: welcome } })
    const calls = await Promise.all([happen('subscribe'), happen('enter_agent'), happen('enter_agent')])
    expect(calls.map(({ tries }) => tries[0])).toMatchObject(calls.map(() => ({ status: 200, raw: '' })))
    expect(await untilTexts(daemon, 'zhangsan', 1)).toEqual([welcome])
    await daemon.restart()
    await happen('enter_agent', { createTime: Math.floor(daemon.clock.now() / 1_000) + 1 })
    await happen('enter_agent', { userid: 'ZhangSan' })
    await happen('enter_agent', { userid: 'lisi' })
    expect(await untilTexts(daemon, 'lisi', 1)).toEqual([welcome])
    expect(textsOf(daemon, 'zhangsan')).toEqual([welcome])
    expect(daemon.tenant.api.count(sendPath)).toBe(2)
    expect(daemon.gateway.asks()).toEqual([])
  })

  // Half a minute before midnight in Shanghai, when London has the afternoon.
  const lateEvening = Date.UTC(2026, 2, 1, 15, 59, 30)
  const days = [
    { timezone: 'Asia/Shanghai', welcomes: [1, 2, 2, 2] },
    { timezone: 'UTC', welcomes: [1, 1, 1, 2] },
  ]
  for (const { timezone, welcomes } of days) {
    test(`app: a day of the welcome begins at midnight in timezone ${timezone}`, async () => {
      const clock = new SettableClock(lateEvening)
      await open({ clock, agent: { welcomeText: welcome }, config: { timezone } })
      const first = daemon.tenant.appEvent({ event: 'enter_agent', userid: 'zhangsan' })
      await first.done
      expect(await untilTexts(daemon, 'zhangsan', 1)).toEqual([welcome])
      clock.step(60_000)
      await first.deliverAgain()
      const seen: number[] = []
      for (const stepMs of [0, 0, 8 * 3_600_000]) {
        await untilIdle(daemon)
        seen.push(textsOf(daemon, 'zhangsan').length)
        clock.step(stepMs)
        await happen('enter_agent')
      }
      await untilIdle(daemon)
      seen.push(textsOf(daemon, 'zhangsan').length)
      expect(seen).toEqual(welcomes)
    })
  }

  test('app: without agent.welcomeText nothing is sent', async () => {
    await open()
    await happen('subscribe')
    await happen('enter_agent')
    await untilIdle(daemon)
    expect(daemon.tenant.api.requests).toEqual([])
  })
})

describe('events that need no answer', () => {
  test('app: unsubscribe and events that nobody knows are acknowledged and counted', async () => {
    await open({ agent: { welcomeText: welcome } })
    const calls = [
      await happen('unsubscribe'),
      await happen('LOCATION', { fields: { Latitude: '23.1', Longitude: '113.3', Precision: '65' } }),
      await happen('from_the_future', { fields: { Nested: { Deep: 'x' } } }),
      await happen('from_the_future', { userid: 'lisi' }),
    ]
    for (const { tries } of calls) expect(tries).toMatchObject([{ status: 200, raw: '' }])
    expect((await appStatus()).counts).toEqual({
      'event:unsubscribe': 1,
      'event:LOCATION': 1,
      'event:other': 2,
    })
    const complaints = daemon.log.filter(line => line.includes('ignoring callbacks of this type'))
    expect(complaints.filter(line => line.includes('from_the_future'))).toHaveLength(1)
    expect(daemon.gateway.asks()).toEqual([])
    expect(daemon.tenant.api.requests).toEqual([])
  })

  test('app: what the platform says of an app that nobody uses is shown until it takes it back, also after a restart', async () => {
    await open()
    expect((await appStatus()).activity).toBeUndefined()
    const effectAt = Date.UTC(2026, 7, 1, 0, 0, 0)
    await happen('inactive_alert', { userid: 'sys', fields: { EffectTime: effectAt / 1_000 } })
    await daemon.restart()
    expect((await appStatus()).activity).toMatchObject({ event: 'inactive_alert', effectAt })
    expect(await statusText()).toContain('WeCom sent inactive_alert at ')
    expect(await statusText()).toContain(', effective 2026-08-01 00:00:00 UTC: it suspends unused apps')

    const again = await happen('low_active', { userid: 'sys' })
    expect((await appStatus()).activity).toMatchObject({ event: 'low_active' })
    await happen('active_restored', { userid: 'sys' })
    await again.deliverAgain()
    expect((await appStatus()).activity).toBeUndefined()
    expect(await statusText()).not.toContain('WeCom sent')
    await daemon.restart()
    expect((await appStatus()).activity).toBeUndefined()
  })
})

async function statusText(): Promise<string> {
  const { out } = await wecomd(['status', '--utc', '--url', daemon.app.privateUrl], daemon.folder, {
    WECOMD_ADMIN_TOKEN: 'admin-token',
  })
  return out
}

describe('a click on a card', () => {
  test('app: the agent hears a click once, and its answer comes by direct message', async () => {
    await open()
    const click = daemon.tenant.clickAppCard({
      userid: 'zhangsan',
      taskId: 'task-1',
      eventKey: 'approve',
      cardType: 'multiple_interaction',
      selected: { colour: ['red', 'blue'], size: ['xl'] },
    })
    await click.done
    await click.deliverAgain()
    const heard = '[card] key=approve task=task-1 colour=red,blue size=xl'
    expect(await untilTexts(daemon, 'zhangsan', 1)).toEqual([`re: ${heard}`])
    expect(daemon.gateway.asks().map(ask => ask.text)).toEqual([heard])
    expect(click.tries).toMatchObject([
      { status: 200, raw: '' },
      { status: 200, raw: '' },
    ])
  })

  test('app: two clicks on one card in the same second are two questions, and neither is merged with a text', async () => {
    const gate = Promise.withResolvers<void>()
    await open({
      gateway: {
        async *script(text) {
          await gate.promise
          yield { kind: 'say', text: `re: ${text}` }
        },
      },
    })
    const click = (eventKey: string) =>
      daemon.tenant.clickAppCard({ userid: 'zhangsan', taskId: 't', eventKey, cardType: 'button_interaction' }).done
    await click('yes')
    await click('no')
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: 'and this' }).done
    gate.resolve()
    const texts = ['re: [card] key=yes task=t', 're: [card] key=no task=t', 're: and this']
    expect(await untilTexts(daemon, 'zhangsan', 3)).toEqual(texts)
  })
})
