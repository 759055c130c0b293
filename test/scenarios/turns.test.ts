import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'bun:test'
import { dispatchHere } from '../cli/in-process.ts'
import { keptLog } from '../wecom/api-rig.ts'
import { realWorld } from '../../src/world.ts'
import { isReady, startAppDaemon } from './app-daemon.ts'
import { SkippingClock } from './skipping-clock.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon(startAppDaemon)
type Row = Readonly<Record<string, unknown>>
type Page = { readonly turns: readonly Row[]; readonly cursor: string | null }

// The daemon is of this source.
const turns = async (query = '') => (await daemon.api(`/api/turns${query}`)) as Page
const shortOf = (id: string) => createHash('sha256').update(id).digest('hex').slice(0, 6)
const say = async (userid: string, text: string, more: object = {}) =>
  (await daemon.tenant.say({ userid, text, ...more }).finished).msgid

/** Runs `wecomd trace` against the daemon. */
const trace = (...args: string[]) => {
  const token = join(daemon.folder, 'token')
  writeFileSync(token, 'admin-token')
  return dispatchHere(['trace', ...args, '--url', daemon.app.privateUrl, '--token-file', token], {
    cwd: daemon.folder,
    openWorld: () => realWorld(keptLog().log),
  })
}

describe('the list of turns', () => {
  test('turns: each has its ids, its outcome and its times, the newest first', async () => {
    await daemon.open()
    const first = await say('ZhangSan', '[long 2 20]')
    const second = await say('lisi', '@助手 [fail]', { chatid: 'wrGroup' })
    const { turns: listed, cursor } = await turns()
    const [secondId, firstId] = [`wecom:default:${second}`, `wecom:default:${first}`]
    expect(cursor).toBeNull()
    expect(listed).toEqual([
      {
        id: secondId,
        short: shortOf(secondId),
        account: 'default',
        surface: 'bot',
        user: 'lisi',
        chat: 'wrGroup',
        origin: 'message',
        state: 'shown',
        end: 'failed',
        cause: 'model_error',
        at: expect.any(Number),
        firstTextMs: null,
        tookMs: expect.any(Number),
      },
      expect.objectContaining({
        id: firstId,
        user: 'ZhangSan',
        chat: null,
        end: 'answered',
        cause: null,
        firstTextMs: expect.any(Number),
      }),
    ])
  })

  test('turns: they are filtered by state, end and user, and read in pages', async () => {
    await daemon.open()
    for (let n = 0; n < 3; n++) await say('ZhangSan', `[long 1 1] ${n}`)
    await say('lisi', '[fail]')
    const users = async (query: string) => (await turns(query)).turns.map(({ user }) => user)
    expect(await users('?end=failed')).toEqual(['lisi'])
    expect(await users('?user=zhangsan&limit=200')).toEqual(['ZhangSan', 'ZhangSan', 'ZhangSan'])
    expect(await users('?state=waiting')).toEqual([])
    const page = await turns('?limit=3')
    expect(page.turns).toHaveLength(3)
    const rest = await turns(`?limit=3&cursor=${page.cursor}`)
    expect([rest.turns.length, rest.cursor]).toEqual([1, null])
  })

  test('turns: a value that no turn can have is 400', async () => {
    await daemon.open()
    for (const query of ['limit=0', 'limit=201', 'limit=x', 'state=nope', 'end=nope', 'cursor=x', 'limit=1.5']) {
      const response = await fetch(`${daemon.app.privateUrl}/api/turns?${query}`, {
        headers: { authorization: 'Bearer admin-token' },
      })
      expect([query, response.status]).toEqual([query, 400])
    }
    expect(await turns('?user=a&user=b')).toEqual({ turns: [], cursor: null })
  })
})

describe('wecomd trace', () => {
  test('trace: without an ID it lists the newest turns, the failed ones, those of a user', async () => {
    await daemon.open()
    expect((await trace()).out).toEqual(['no messages yet'])
    const answered = shortOf(`wecom:default:${await say('zhangsan', '[long 1 1]')}`)
    const failed = shortOf(`wecom:default:${await say('lisi', '[fail]')}`)
    const shorts = async (...args: string[]) => (await trace(...args)).out.map(line => line.slice(0, 6))
    expect(await shorts()).toEqual([failed, answered])
    expect(await shorts('--failed')).toEqual([failed])
    expect(await shorts('--user', 'ZhangSan')).toEqual([answered])
    expect((await trace('--user', 'nobody')).out).toEqual(['no such message among the newest'])
    expect((await trace('--failed')).out[0]).toContain('the model failed')
    const { out } = await trace('--json')
    expect(JSON.parse(out.join(''))).toEqual(await turns())
  })

  test('trace: last, a short id and the beginning of an id find a turn', async () => {
    await daemon.open()
    const msgid = await say('zhangsan', '[long 1 1]')
    const id = `wecom:default:${msgid}`
    const { answer } = await daemon.send({ to: 'user:zhangsan', text: 'hi' })
    const sent = String(answer.id)
    for (const typed of ['last', shortOf(id), msgid, msgid.slice(0, 6), id.slice(0, -3)]) {
      const { code, out } = await trace(typed)
      expect([typed, code, out[0], out[1]]).toEqual([
        typed,
        0,
        `${id}: shown (answered)`,
        `from zhangsan in direct:zhangsan, account default, short id ${shortOf(id)}`,
      ])
    }
    expect((await trace(sent.slice(0, 12))).out[0]).toContain(sent)
    expect((await trace(msgid.slice(0, 5))).code).toBe(1)
    expect((await trace('nothing-like-this')).code).toBe(1)
  })

  test('trace: the matches of an ambiguous beginning are listed', async () => {
    await daemon.open()
    for (const msgid of ['abcdef-1', 'abcdef-2']) await say('zhangsan', '[long 1 1]', { msgid })
    const { code, err } = await trace('abcdef')
    expect(code).toBe(1)
    expect(err.join('\n')).toContain('2 messages begin with abcdef')
    for (const id of ['wecom:default:abcdef-1', 'wecom:default:abcdef-2']) expect(err.join('\n')).toContain(id)
  })
})

describe('what status and the log remember', () => {
  test('turns: failures of the last hour and the verified URL survive a restart', async () => {
    const clock = new SkippingClock()
    await daemon.open({ clock })
    expect(await daemon.tenant.verifyUrl()).toEqual({ ok: true })
    await say('zhangsan', '[fail]')
    const seen = async () => {
      // The daemon is of this source.
      const { failures, accounts } = (await daemon.api('/api/status')) as {
        failures: readonly Row[]
        accounts: readonly { bot: Row }[]
      }
      return { failures, verifiedAt: accounts[0]?.bot['verifiedAt'] }
    }
    const before = await seen()
    expect(before).toEqual({ failures: [{ cause: 'model_error', count: 1 }], verifiedAt: expect.any(Number) })
    await daemon.restart()
    await until('the gateway link', () => isReady(daemon))
    expect(await seen()).toEqual(before)
    clock.skip(3_700_000)
    expect((await seen()).failures).toEqual([])
  })

  test('turns: every component has its since', async () => {
    await daemon.open()
    // The daemon is of this source.
    const { components } = (await daemon.api('/api/status')) as { components: Record<string, Row> }
    for (const [name, component] of Object.entries(components)) {
      expect([name, typeof component['since']]).toEqual([name, 'number'])
    }
  })

  test('turns: the log names a user by a hash, the same one after a restart', async () => {
    await daemon.open()
    await say('ZhangSan', '[long 1 1]')
    await daemon.restart()
    await until('the gateway link', () => isReady(daemon))
    await say('zhangsan', '[long 1 1]')
    await say('lisi', '[long 1 1]')
    const names = () =>
      daemon.log
        .map(line => JSON.parse(line) as Row)
        .flatMap(({ msg, user }) => (msg === 'turn finished' ? [user] : []))
    const [first, second, third] = names()
    expect([first, second === first, third === first]).toEqual([expect.stringMatching(/^[0-9a-f]{10}$/), true, false])
    expect(daemon.log.join()).not.toMatch(/zhangsan/i)
  })

  test('turns: an empty log key is made anew', async () => {
    await daemon.open()
    const key = join(daemon.folder, 'state', 'log-key')
    expect(readFileSync(key, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/)
    rmSync(key)
    await Bun.write(key, 'ab')
    await daemon.restart()
    expect(readFileSync(key, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/)
  })
})
