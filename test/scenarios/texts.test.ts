import { expect, test } from 'bun:test'
import { botKey } from './daemon.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon()

test('texts: a busy sentence of its own reaches the users of an account, over the one for all', async () => {
  await daemon.open({
    channel: { accounts: { default: { texts: { busy: '销售部现在很忙，请稍后再发。' } } } },
    config: { limits: { perUserPerMinute: 1 }, language: 'en', texts: { busy: 'Busy.', failed: 'Call 8000.' } },
  })
  await daemon.tenant.say({ userid: 'zhangsan', text: 'one' }).finished
  const second = await daemon.tenant.say({ userid: 'zhangsan', text: 'two' }).finished
  expect(second.text).toBe('销售部现在很忙，请稍后再发。')
  const failed = await daemon.tenant.say({ userid: 'lisi', text: '[fail]' }).finished
  expect(failed.text).toEndWith('Call 8000.')
})

test('texts: the name of an account stands beside its id in status and log', async () => {
  await daemon.open({
    channel: {
      accounts: {
        default: { name: '总部' },
        sales: { name: '销售部', bot: { token: 'salesBotToken01', encodingAESKey: botKey } },
        plain: { bot: { token: 'plainBotToken01', encodingAESKey: botKey } },
      },
    },
  })
  expect(await daemon.api('/api/status')).toMatchObject({
    accounts: [{ id: 'default', name: '总部' }, { id: 'sales', name: '销售部' }, { id: 'plain' }],
  })
  const tooOld = 'timestamp=1&nonce=n&msg_signature=s&echostr=e'
  for (const account of ['sales', 'plain']) await fetch(`${daemon.app.publicUrl}/wecom/bot/${account}?${tooOld}`)
  const lines = await until('a line about each', () => {
    const found = daemon.log.map(line => JSON.parse(line)).filter(({ account }) => account !== undefined)
    return found.length >= 2 && found
  })
  expect(lines.map(({ account, accountName }) => [account, accountName])).toEqual([
    ['sales', '销售部'],
    ['plain', undefined],
  ])
})
