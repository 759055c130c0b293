import { afterEach, expect, test } from 'bun:test'
import { type Seeded, seeded } from '../crypto/seeded.ts'
import { until } from '../scenarios/until.ts'
import { again, kills, seed } from './dose.ts'
import { type EchoRig, isIdle, openEchoRig } from './rig.ts'
import { goOn, killSomewhen } from './moment.ts'
import { answerScript, type Kind, startTraffic } from './traffic.ts'
import { complaintsOf } from './verdict.ts'

const bot = { stream: { windowMs: 6_000, handoverMs: 2_000 } }
/** Long and late answers are the rarer ones. */
const shorts = ['short', 'short', 'short', 'words', 'words', 'words'] as const
const longs = ['big', 'big', 'late', 'late', 'huge'] as const

let rig: EchoRig | undefined

afterEach(async () => {
  await rig?.close()
  rig = undefined
})

/** Lets people chat while `disturb` goes on, and says what went wrong. The seed is in every failure. */
async function chatThrough(
  { daemon, tenant, echo }: EchoRig,
  random: Seeded,
  wishes: readonly Kind[],
  disturb: () => Promise<void>,
): Promise<void> {
  const traffic = startTraffic(tenant, seeded(random.below(2 ** 30)), wishes)
  try {
    await disturb()
    await daemon.listening()
    await traffic.stop()
    await until('nothing waits any more', () => isIdle(daemon), 60_000)
  } catch (error) {
    throw new Error(again, { cause: error })
  }
  const complaints = await complaintsOf(daemon, tenant, echo, traffic.said)
  expect({ again, complaints }).toEqual({ again, complaints: [] })
}

test(
  `kill: ${kills} kills at random moments lose no answer, and nothing is asked or shown twice`,
  async () => {
    const random = seeded(seed)
    const echo = { script: answerScript, rowAfterMs: 30 }
    const opened = (rig = await openEchoRig({ bot, tenant: { windowMs: 6_000 }, echo }))
    await chatThrough(opened, random, [...shorts, ...longs], async () => {
      for (let kill = 0; kill < kills; kill++) await killSomewhen(opened.daemon, random)
    })
  },
  60_000 + kills * 1_000,
)

test(
  'kill: when the gateway dies too, no answer is lost and each of its boots is asked at most once',
  async () => {
    const random = seeded(seed + 1)
    const echo = { script: answerScript, rowAfterMs: 100, resumeAfterMs: 150 }
    const opened = (rig = await openEchoRig({ bot, tenant: { windowMs: 6_000 }, echo }))
    await chatThrough(opened, random, shorts, async () => {
      for (let round = 0; round < kills; round++) {
        if (random.below(2) === 0) await killSomewhen(opened.daemon, random)
        await goOn(random.below(1_600))
        await opened.echo.kill()
        await goOn(random.below(100))
        opened.echo.start()
      }
    })
  },
  60_000 + kills * 3_000,
)
