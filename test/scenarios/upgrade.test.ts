import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import written from '../store/schema-1/expected.json' with { type: 'json' }
import { isReady } from './app-daemon.ts'
import { appOf, freePort, startTestDaemon, type TestDaemon, untilAdmin } from './daemon.ts'
import { SettableClock } from './settable-clock.ts'
import { until } from './until.ts'

const source = join(import.meta.dir, '../store/schema-1/written.db')
const { channel, bot, agent } = written.config
/** Receivers of what was sent first; `ghost` has left the company. */
const receivers = ['reader', 'slow', 'apiheld', 'unknown', 'newcomer', 'latecomer']
const members = [...new Set([...written.turns.map(({ sender }) => sender), ...receivers])]

async function startDaemon(clock: SettableClock): Promise<TestDaemon> {
  const port = freePort()
  const url = `http://127.0.0.1:${port}/wecom`
  return await startTestDaemon({
    clock,
    bot,
    agent,
    channel,
    runTimeoutMs: 14_400_000,
    config: { server: { host: '127.0.0.1', port } },
    tenant: {
      callbackUrl: `${url}/bot`,
      apps: [{ ...appOf, callbackUrl: `${url}/agent` }, channel.accounts.sales.agent],
      robots: [{ name: 'ops', key: 'key-of-ops' }],
      members: members.filter(member => member !== 'ghost'),
    },
    gateway: { script: text => [{ kind: 'say', text: `again: ${text}` }] },
  })
}

/** Puts the database of schema 1 under the daemon, with this tenant for the one that it was written with. */
async function replaceDatabase(daemon: TestDaemon): Promise<string> {
  await daemon.app.stop()
  const file = join(daemon.folder, 'state/wecomd.db')
  for (const end of ['', '-wal', '-shm', '.pid']) rmSync(file + end, { force: true })
  copyFileSync(source, file)
  const db = new Database(file)
  for (const table of ['turn', 'delivery']) {
    db.run(`UPDATE ${table} SET doc = replace(doc, ?, ?)`, [written.origin, daemon.tenant.apiBaseUrl])
  }
  db.close()
  await daemon.restart()
  return file
}

test('upgrade: a daemon continues with the open work of an older database', async () => {
  const clock = new SettableClock(written.savedAt + 2_000)
  const daemon = await startDaemon(clock)
  try {
    const file = await replaceDatabase(daemon)
    await until('the gateway', () => isReady(daemon))
    await untilAdmin(daemon)
    // The daemon is of this source.
    const status = async () =>
      (await daemon.api('/api/status')) as {
        turns: { open: number }
        outbox: { queued: number; held: number }
        dead: number
      }
    // The gateway is a new one without a history, so what ran is asked again, each question once.
    const pending = written.turns.filter(({ hasOpenQuestion, end }) => hasOpenQuestion && end === undefined)
    const questions = pending.filter(({ sender, text }) => sender !== 'stops' && text !== '').map(({ id }) => id)
    const askedIds = () => daemon.gateway.asks().map(({ key }) => key)
    await until('every question', () => questions.every(id => askedIds().includes(id)))
    // Nobody refreshes here: bubbles end at their deadlines, and what waits for a budget or for the app is sent later.
    await until('all open work to end', async () => {
      const { turns, outbox } = await status()
      if (turns.open + outbox.queued + outbox.held === 0) return true
      clock.step(10_000)
      await daemon.tenant.say({ userid: 'stranger', text: '/whoami' }).finished
      return false
    })
    expect(askedIds()).toEqual([...new Set(askedIds())])
    const toReader = daemon.tenant.ledger.seen({ userid: 'reader' }).map(({ text }) => text)
    expect(toReader).toEqual(['第 31 条', '第 32 条'])
    expect(existsSync(`${file}.schema-1`)).toBe(true)
    expect(daemon.log.filter(line => line.includes('"level":"error"') && !line.includes('refuses this app'))).toEqual(
      [],
    )
  } finally {
    await daemon.close()
  }
}, 60_000)
