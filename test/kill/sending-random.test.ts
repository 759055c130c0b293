import { afterEach, expect, test } from 'bun:test'
import type { Tenant } from '../../src/playground/tenant/tenant.ts'
import type { ApiFault } from '../../src/playground/tenant/fault.ts'
import { type Seeded, seeded } from '../crypto/seeded.ts'
import { until } from '../scenarios/until.ts'
import { chatters, complainOfAppChat, startAppChat } from './app-chat.ts'
import { again, kills, seed } from './dose.ts'
import { type EchoRig, isIdle, openEchoRig } from './rig.ts'
import { killSomewhen } from './moment.ts'
import { complainOfSends, receivers, robots, startSends } from './sends.ts'
import { answerScript, startTraffic } from './traffic.ts'
import { complaintsOf } from './verdict.ts'

const window = { windowMs: 4_000 }

let rig: EchoRig | undefined

afterEach(async () => {
  await rig?.close()
  rig = undefined
})

async function open(): Promise<EchoRig> {
  const members = [...receivers, ...chatters, 'u1', 'u2', 'u3', 'g1', 'g2', 'g3']
  rig = await openEchoRig({
    agent: { replyFormat: 'text' },
    bot: { stream: { ...window, handoverMs: 2_000 } },
    channel: { webhooks: Object.fromEntries(robots.map(({ name, key }) => [name, key])) },
    tenant: { members, robots, ...window },
    echo: { script: answerScript, rowAfterMs: 30 },
  })
  return rig
}

const troubles: readonly ApiFault[] = [
  { when: 'before', how: 'reset' },
  { when: 'after', how: 'reset' },
  { when: 'before', how: 200, delayMs: 200 },
  { when: 'after', how: 200, delayMs: 200 },
]

/** Some of the next requests are cut off or take their time, so that kills find them under way. */
function spoil(tenant: Tenant, random: Seeded): void {
  for (const path of ['message/send', 'message/send', 'message/send', 'media/upload', 'webhook/send']) {
    const trouble = troubles[random.below(2 * troubles.length)]
    if (trouble !== undefined) tenant.api.fail(trouble, `/cgi-bin/${path}`)
  }
}

test(
  `kill: ${kills} kills at random moments: what was said and what was sent arrives once, or is listed as unknown`,
  async () => {
    const random = seeded(seed)
    const opened = await open()
    const { daemon, tenant, echo } = opened
    const kinds = ['short', 'short', 'words', 'big', 'late'] as const
    const traffic = startTraffic(tenant, seeded(random.below(2 ** 30)), kinds)
    const chat = startAppChat(tenant, seeded(random.below(2 ** 30)), kinds)
    const sends = startSends(daemon, seeded(random.below(2 ** 30)))
    try {
      for (let kill = 0; kill < kills; kill++) {
        spoil(tenant, random)
        await killSomewhen(daemon, random)
      }
      await daemon.listening()
      await Promise.all([traffic.stop(), chat.stop(), sends.stop()])
      await until('nothing waits any more', () => isIdle(daemon), 60_000)
    } catch (error) {
      throw new Error(again, { cause: error })
    }
    const complaints = [
      ...(await complaintsOf(daemon, tenant, echo, traffic.said)),
      ...(await complainOfAppChat(daemon, tenant, chat.told)),
      ...(await complainOfSends(daemon, tenant, sends.sent)),
      ...tenant.dropped.map(({ text }) => `dropped by the platform: ${text}`),
    ]
    expect({ again, complaints }).toEqual({ again, complaints: [] })
    expect(sends.sent.length).toBeGreaterThan(kills * 0.8)
    expect(chat.told.length).toBeGreaterThan(kills / 6)
  },
  60_000 + kills * 2_000,
)
