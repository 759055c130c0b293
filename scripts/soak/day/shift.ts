/** Eight hours of a day: people chat, send and click every hour, gateway and daemon are restarted, and nothing grows. */
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ScriptStep } from '../../../src/playground/gateway/runs/script.ts'
import { seeded } from '../../../test/crypto/seeded.ts'
import { chatters, complainOfAppChat, startAppChat } from '../../../test/kill/app-chat.ts'
import { type EchoRig, isIdle, openEchoRig } from '../../../test/kill/rig.ts'
import { complainOfSends, receivers, robots, startSends } from '../../../test/kill/sends.ts'
import { answerScript, startTraffic } from '../../../test/kill/traffic.ts'
import { complaintsOf } from '../../../test/kill/verdict.ts'
import { SkippingClock } from '../../../test/scenarios/skipping-clock.ts'
import { until } from '../../../test/scenarios/until.ts'
import { png } from '../../../test/wecom/media-samples.ts'
import { skippedMs, skipsFile } from './skip.ts'

const hours = 8
/** How long people write in an hour. Then it is skipped. */
const busyMs = 6_000
const kinds = ['short', 'short', 'words', 'words', 'big', 'late', 'huge'] as const
const stream = { windowMs: 5_000, handoverMs: 2_000 }

/** What a resting daemon holds, at the end of an hour. */
export interface Held {
  readonly rss: number
  readonly heapUsed: number
  readonly alarms: number
  readonly descriptors: number
  readonly walBytes: number
  readonly spoolBytes: number
}

/** Plays a shift. Resolves to what the daemon held after each hour, and what went wrong. */
export async function playShift(seed: number): Promise<{ held: readonly Held[]; complaints: readonly string[] }> {
  const rig = await open(new SkippingClock())
  const held: Held[] = []
  const complaints: string[] = []
  try {
    for (let hour = 1; hour <= hours; hour++) {
      complaints.push(...(await playHour(rig, seed * hours + hour, hour === hours)))
      held.push(await rest(rig))
      console.log(describe(hour, held.at(-1)))
    }
    complaints.push(...complainOfGrowth(held))
  } finally {
    await rig.close()
  }
  return { held, complaints }
}

/** The rig, and the clock of tenant and gateway. */
interface DayRig extends EchoRig {
  readonly clock: SkippingClock
  skips: number
}

async function open(clock: SkippingClock): Promise<DayRig> {
  const members = [...receivers, ...chatters, 'u1', 'u2', 'u3', 'g1', 'g2', 'g3', ...guests]
  const rig = await openEchoRig({
    clock,
    program: [process.execPath, join(import.meta.dir, 'daemon.ts')],
    agent: { replyFormat: 'text' },
    bot: { stream, dm: { policy: 'open' } },
    channel: { webhooks: Object.fromEntries(robots.map(({ name, key }) => [name, key])) },
    tenant: { members, robots, windowMs: stream.windowMs },
    echo: { script: dayScript, rowAfterMs: 30 },
  })
  return { ...rig, clock, skips: 0 }
}

/** The last hour of a shift ends with a daemon that is stopped, and one that is killed, while people write. */
async function playHour(rig: DayRig, seed: number, isLast: boolean): Promise<readonly string[]> {
  const { daemon, tenant, echo } = rig
  const random = seeded(seed)
  const first = seed * 1_000 + 1
  const traffic = startTraffic(tenant, seeded(random.below(2 ** 30)), kinds, first)
  const chat = startAppChat(tenant, seeded(random.below(2 ** 30)), kinds, first)
  const sends = startSends(daemon, seeded(random.below(2 ** 30)), first)
  const visits = Promise.all(guests.map(userid => visit(rig, userid)))
  await Bun.sleep(busyMs / 2)
  await echo.kill()
  echo.start()
  await Bun.sleep(busyMs / 2)
  for (const end of isLast ? (['stop', 'kill'] as const) : []) {
    await daemon[end]()
    await daemon.start()
    await Bun.sleep(busyMs / 2)
  }
  await Promise.all([traffic.stop(), chat.stop(), sends.stop(), visits])
  await rest(rig) // what waits for the budget of a minute can go then
  await until('nothing waits any more', () => isIdle(daemon), 60_000)
  return [
    ...(await complaintsOf(daemon, tenant, echo, traffic.said)),
    ...(await complainOfAppChat(daemon, tenant, chat.told)),
    ...(await complainOfSends(daemon, tenant, sends.sent)),
    ...(await visits).flat(),
  ]
}

const guests = ['v1', 'v2', 'v3']

function* dayScript(question: string): Generator<ScriptStep, void> {
  if (question.includes('«')) {
    yield* answerScript(question)
    return
  }
  yield { kind: 'say', text: question.includes('card') ? cardAnswer : 'got it' }
  if (question.includes('file'))
    yield { kind: 'file', name: 'day.csv', mimeType: 'text/csv', bytes: Buffer.from('a,b') }
}

const card = {
  card_type: 'text_notice',
  main_title: { title: 'Done', desc: 'all' },
  card_action: { type: 1, url: 'https://example.com' },
}
const cardAnswer = `done\n\`\`\`json\n${JSON.stringify({ template_card: card })}\n\`\`\``

/** Somebody who tries everything else: a picture, a file of the agent, a card, commands. */
async function visit({ tenant }: EchoRig, userid: string): Promise<readonly string[]> {
  const payload = { url: tenant.botMedia(png) }
  const said = [
    ...['a file, please', 'a card, please', '/whoami', '/help', '/status'].map(text => ({ userid, text })),
    { userid, msgtype: 'image', payload },
  ]
  const complaints: string[] = []
  for (const message of said) {
    const { text } = await tenant.say(message).finished
    if (text === '') complaints.push(`${userid} got no answer to ${JSON.stringify(message)}`)
  }
  return complaints
}

/** Skips half an hour and looks at what is left. */
async function rest(rig: DayRig): Promise<Held> {
  const { daemon, folder, clock } = rig
  const before = daemon.log.length
  clock.skip(skippedMs)
  writeFileSync(join(folder, skipsFile), String(++rig.skips))
  process.kill(daemon.pid, 'SIGUSR2')
  const { rss, heapUsed, alarms } = await until('the rest', () =>
    daemon.log.slice(before).find(line => line.msg === 'rested'),
  )
  await until('the gateway link', async () => {
    const { ready } = (await daemon.api('/api/status')) as { ready: boolean } // the daemon is of this source
    return ready
  })
  const state = join(folder, 'state')
  return {
    rss: Number(rss),
    heapUsed: Number(heapUsed),
    alarms: Number(alarms),
    descriptors: readdirSync(`/proc/${daemon.pid}/fd`).length,
    walBytes: statSync(join(state, 'wecomd.db-wal')).size,
    spoolBytes: bytesBelow(join(state, 'spool')),
  }
}

function bytesBelow(folder: string): number {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter(entry => entry.isFile())
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
}

const mib = 1_048_576

/** Compares the end of each process with its beginning, once it has warmed up. The last hour has other processes. */
function complainOfGrowth(held: readonly Held[]): readonly string[] {
  const [early, late] = [held[1], held.at(-2)]
  if (early === undefined || late === undefined) return ['there was nothing to compare']
  const limits: Readonly<Record<keyof Held, number>> = {
    rss: early.rss * 1.1 + 8 * mib,
    heapUsed: early.heapUsed * 1.1 + 2 * mib,
    alarms: early.alarms + 2,
    descriptors: early.descriptors + 4,
    walBytes: early.walBytes + 4 * mib,
    spoolBytes: early.spoolBytes + mib,
  }
  return (Object.keys(limits) as (keyof Held)[])
    .filter(what => late[what] > limits[what])
    .map(what => `${what} grew from ${early[what]} to ${late[what]}`)
}

function describe(hour: number, held: Held | undefined): string {
  const { rss = 0, heapUsed = 0, alarms, descriptors, walBytes = 0, spoolBytes = 0 } = held ?? {}
  const inMib = (bytes: number) => `${(bytes / mib).toFixed(1)} MiB`
  return `hour ${hour}: rss ${inMib(rss)}, heap ${inMib(heapUsed)}, ${alarms} alarms, ${descriptors} descriptors, wal ${inMib(walBytes)}, spool ${inMib(spoolBytes)}`
}
