import { afterEach, expect, test } from 'bun:test'
import { type Seeded, seeded } from '../crypto/seeded.ts'
import { isIdle, type KillHouse, openKillHouse } from './house.ts'
import { answerScript, startTraffic } from './traffic.ts'
import { goOn, until } from './until.ts'
import { complaintsOf } from './verdict.ts'

const seed = Number(process.env.WECOMD_KILL_SEED ?? Date.now() % 1_000_000)
const bot = { stream: { windowMs: 6_000, handoverMs: 2_000 } }

let house: KillHouse | undefined

afterEach(async () => {
  await house?.close()
  house = undefined
})

/** Lets people chat while `disturb` goes on, and says what went wrong. The seed is in every failure. */
async function chatThrough(opened: KillHouse, random: Seeded, disturb: () => Promise<void>): Promise<void> {
  const { daemon, tenant, echo } = opened
  const traffic = startTraffic(tenant, seeded(random.below(2 ** 30)))
  try {
    await disturb()
    await traffic.stop()
    await until('nothing waits any more', () => isIdle(daemon), 60_000)
  } catch (error) {
    throw new Error(`WECOMD_KILL_SEED=${seed}`, { cause: error })
  }
  if (process.env.KILL_STATS) { const n = traffic.said.length; const kinds: Record<string, number> = {}; for (const e of tenant.ledger.entries) kinds[e.kind] = (kinds[e.kind] ?? 0) + 1; const st: Record<string, number> = {}; for (const b of tenant.bubbles) st[b.state] = (st[b.state] ?? 0) + 1; let zero = 0; const { endOf } = await import('./traffic.ts'); for (const one of traffic.said) if (!tenant.ledger.entries.some(e => e.text.includes(endOf(one.name)))) zero++; console.log({ n, kinds, st, asks: echo.asks().length, posts: tenant.responses.posts.length, zero, lives: daemon.log.filter(l => l.msg === 'listening').length, errs: [...new Set(daemon.log.filter(l => l.level === 'error' || l.level === 'warn').map(l => `${l.msg} ${l['error'] ?? ''}${l['reason'] ?? ''}${l['state'] ?? ''}`))] }) }
  const complaints = await complaintsOf(daemon, tenant, echo, traffic.said)
  expect({ seed, complaints }).toEqual({ seed, complaints: [] })
}

/** Kills the daemon at a moment that nothing announces, some of them before it listens, and starts it again. */
async function killSomewhen({ daemon }: KillHouse, random: Seeded): Promise<void> {
  await goOn(random.below(random.below(4) === 0 ? 50 : 400))
  await daemon.kill()
  daemon.spawn()
}

test('kill: 200 kills at random moments lose no answer and show and ask nothing twice', async () => {
  const random = seeded(seed)
  const opened = (house = await openKillHouse({
    bot,
    tenant: { windowMs: 6_000 },
    echo: { script: answerScript, rowAfterMs: 30 },
  }))
  await chatThrough(opened, random, async () => {
    for (let kill = 0; kill < 200; kill++) await killSomewhen(opened, random)
    await opened.daemon.listening()
  })
}, 150_000)

test('kill: with the gateway dying too, every answer comes once and every boot is asked once at most', async () => {
  const random = seeded(seed + 1)
  const echoOptions = { script: answerScript, rowAfterMs: 60, resumeAfterMs: 150 }
  const opened = (house = await openKillHouse({ bot, tenant: { windowMs: 6_000 }, echo: echoOptions }))
  await chatThrough(opened, random, async () => {
    for (let round = 0; round < 30; round++) {
      await killSomewhen(opened, random)
      await goOn(random.below(800))
      await opened.echo.kill()
      await goOn(random.below(200))
      opened.echo.start()
    }
    await opened.daemon.listening()
  })
}, 120_000)
