import { expect, test } from 'bun:test'
import { bigAnswer, type ScriptStep } from '../../src/playground/gateway/runs/script.ts'
import { directMessages, startAppDaemon, untilIdle } from './app-daemon.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon(startAppDaemon)

const users = ['zhangsan', 'lisi', 'wangwu'] as const
const long = bigAnswer(30_000)
const card = JSON.stringify({
  template_card: {
    card_type: 'button_interaction',
    main_title: { title: 'Release?' },
    button_list: [{ text: 'Yes', key: 'y' }],
  },
})

/** Of each kind one answer; it names whom and what it answers. */
function* script(question: string): Generator<ScriptStep> {
  const [, user = '', kind = ''] = /\[(\w+)\]\n(\w+)/.exec(question) ?? []
  yield { kind: 'say', text: `for ${user}: ${kind}\n` }
  yield { kind: 'wait', ms: 20 }
  if (kind === 'long') yield { kind: 'say', text: long }
  if (kind === 'card') yield { kind: 'say', text: card }
  if (kind !== 'file') return
  yield { kind: 'file', name: `${user}.csv`, mimeType: 'text/csv', bytes: Buffer.from(`only,for,${user}\n`) }
}

test('crowd: three users in one group, with files, cards and long answers at once, get each their own, in order, once', async () => {
  await daemon.open({
    gateway: { script, filesAfterMs: 50 },
    tenant: { members: users, refreshMs: 50 },
  })
  const kinds = { zhangsan: 'file', lisi: 'card', wangwu: 'long' } as const
  const rounds = [kinds, { zhangsan: 'long', lisi: 'file', wangwu: 'card' }] as const
  for (const round of rounds) {
    const bubbles = users.map(userid =>
      daemon.tenant.say({ userid, chatid: 'wrGroup', text: `@助手 ${round[userid]}` }),
    )
    await Promise.all(bubbles.map(bubble => bubble.finished))
    for (const [index, bubble] of bubbles.entries()) {
      const userid = users[index] ?? 'zhangsan'
      expect(bubble.text.startsWith(`for ${userid}: ${round[userid]}`)).toBe(true)
      for (const other of users) if (other !== userid) expect(bubble.text).not.toContain(other)
      for (const frame of bubble.frames) expect(frame.content).not.toContain('template_card')
      if (round[userid] === 'file') expect(bubble.text).toContain(`「${userid}.csv」已通过应用消息发送给你`)
      if (round[userid] === 'card') expect(bubble.text).toContain('- Yes')
      if (round[userid] === 'long') expect(bubble.text).toContain('其余部分稍后单独发送')
    }
  }
  await until('all direct messages', () => users.every(userid => directMessages(daemon, userid).length > 0))
  await untilIdle(daemon)
  const seen = (userid: string) =>
    directMessages(daemon, userid).map(({ kind, media, text }) => media?.name ?? `${kind} ${text.slice(0, 4)}`)
  expect(seen('zhangsan')).toEqual(['zhangsan.csv', 'app-text 内容较长', '全文.md'])
  expect(seen('lisi')).toEqual(['lisi.csv'])
  expect(seen('wangwu')).toEqual(['app-text 内容较长', '全文.md'])
  expect(daemon.gateway.asks().map(({ text }) => text.split('\n')[0])).toEqual(
    [...users, ...users].map(userid => `[${userid}]`),
  )
  expect(daemon.tenant.violations()).toEqual([])
  expect(await daemon.api('/api/status')).toMatchObject({ dead: 0, outbox: { queued: 0, held: 0 } })
})
