import { createHash } from 'node:crypto'
import type { DeliveryReport } from '../../src/bridge/operator/trace.ts'
import type { Tenant } from '../../src/playground/tenant/tenant.ts'
import type { LedgerEntry } from '../../src/playground/tenant/ledger.ts'
import type { Seeded } from '../crypto/seeded.ts'
import type { Binary } from '../scenarios/binary.ts'
import { postSend } from './rig.ts'
import { goOn } from './moment.ts'

const kinds = ['text', 'text', 'split', 'markdown', 'file', 'robot'] as const
type Kind = (typeof kinds)[number]

/** So many that none comes near the platform's budget of messages a minute. */
export const receivers = Array.from({ length: 120 }, (_, index) => `r${index}`)
export const robots = Array.from({ length: 20 }, (_, index) => ({ name: `robot${index}`, key: `robot-key-${index}` }))

/** Something that a script had the daemon send, under the name that all of it carries. */
export interface Sent {
  readonly name: string
  readonly kind: Kind
  /** The member or the robot. */
  readonly to: string
  readonly text: string
  readonly id: string
  /** How many had been accepted when this was posted. */
  readonly postedAfter: number
  /** Its place among all that were accepted, from 1 on. */
  readonly accepted: number
}

/** Scripts that send something all the time, each the same again until it is accepted. */
export interface Sends {
  readonly sent: readonly Sent[]
  stop(): Promise<void>
}

const scripts = ['s1', 's2', 's3', 's4']

/** Names are numbered from `first`. */
export function startSends(daemon: Binary, random: Seeded, first = 1): Sends {
  const sent: Sent[] = []
  const evening = new AbortController()
  const order = { accepted: 0 }
  const script = async (who: string): Promise<void> => {
    for (let count = first; !evening.signal.aborted; count++) {
      const robot = robots[sent.length % robots.length]?.name ?? ''
      sent.push(await sendOne(daemon, `${who}-${count}`, robot, random, order))
      await goOn(random.below(250))
    }
  }
  const working = scripts.map(script)
  return {
    sent,
    async stop() {
      evening.abort()
      await Promise.all(working)
    },
  }
}

async function sendOne(
  daemon: Binary,
  name: string,
  robot: string,
  random: Seeded,
  order: { accepted: number },
): Promise<Sent> {
  const kind = kinds[random.below(kinds.length)] ?? 'text'
  const to = kind === 'robot' ? robot : (receivers[random.below(receivers.length)] ?? '')
  const text = textOf(name, kind)
  const body = {
    to: `${kind === 'robot' ? 'webhook' : 'user'}:${to}`,
    idempotencyKey: name,
    ...contentOf(name, kind, text),
  }
  const postedAfter = order.accepted
  for (;;) {
    const answered = await postSend(daemon, body).catch(() => undefined) // nobody is there, or it was killed meanwhile
    const id = answered?.answer.id
    if (id !== undefined) return { name, kind, to, text, id, postedAfter, accepted: ++order.accepted }
    if (answered !== undefined) throw new Error(`${name} was refused: ${JSON.stringify(answered)}`)
    await goOn(10 + random.below(40))
  }
}

function textOf(name: string, kind: Kind): string {
  const lines = kind === 'split' || kind === 'robot' ? 180 : 3
  return Array.from({ length: lines }, (_, line) => `${name}: ${line} of what is said`).join('\n')
}

function contentOf(name: string, kind: Kind, text: string): object {
  if (kind === 'file') return { media: { fileName: `${name}.csv`, base64: Buffer.from(text).toString('base64') } }
  return kind === 'markdown' ? { markdown: text } : { text }
}

/** Nothing twice, everything once and in order; less only where the daemon says that it cannot know. */
export async function complainOfSends(
  daemon: Binary,
  { ledger }: Tenant,
  sent: readonly Sent[],
): Promise<readonly string[]> {
  const known: Sent[] = []
  const judged = await Promise.all(
    sent.map(async one => {
      const seen = ledger.entries.filter(entry => isOf(one, entry))
      // The daemon is of this source.
      const report = (await daemon.api(`/api/deliveries/${one.name}`)) as DeliveryReport
      if (report.state === 'delivered') known.push(one)
      const complaint = judge(one, seen, report)
      return complaint === undefined ? [] : [`${one.name} (${one.kind}): ${complaint}: ${JSON.stringify(report)}`]
    }),
  )
  return [...judged.flat(), ...complainOfSendOrder(ledger.entries, known)]
}

function isOf({ name, kind, to }: Sent, { kind: seenAs, userid, chatid, text }: LedgerEntry): boolean {
  const isThere = kind === 'robot' ? chatid === to : userid === to
  return isThere && (kind === 'file' ? seenAs === 'app-media' && text === `${name}.csv` : text.includes(`${name}: `))
}

function judge(
  one: Sent,
  seen: readonly LedgerEntry[],
  { id, state, parts, attempts }: DeliveryReport,
): string | undefined {
  if (id !== one.id) return 'its key leads to something else'
  if (state !== 'delivered' && state !== 'unknown') return `is ${state}`
  const numbers = seen.map(({ text }) => Number(/^\((\d)\/\d\)/.exec(text)?.[1] ?? 1))
  if (new Set(numbers).size < numbers.length) return `its parts were seen as ${numbers.join()}`
  const givenUp = new Set(attempts.flatMap(({ givenUp, part }) => (givenUp ? [part] : [])))
  const sure = numbers.filter(number => !givenUp.has(number)) // the others may still have been on their way
  if (sure.some((number, index) => number <= (sure[index - 1] ?? 0))) return `its parts were seen as ${numbers.join()}`
  for (let part = 1; part <= parts; part++) {
    if (!numbers.includes(part) && !givenUp.has(part)) return `part ${part} was not seen`
  }
  return state === 'delivered' ? judgeContent(one, seen) : undefined
}

function judgeContent({ kind, text }: Sent, seen: readonly LedgerEntry[]): string | undefined {
  const isWhole =
    kind === 'file'
      ? seen[0]?.media?.sha256 === createHash('sha256').update(text).digest('hex')
      : seen.map(entry => entry.text.replace(/^\(\d\/\d\)\n/, '')).join('') === text
  return isWhole ? undefined : 'it was seen with another content'
}

/** What was accepted before something else was posted to the same target arrives first. */
function complainOfSendOrder(entries: readonly LedgerEntry[], sent: readonly Sent[]): readonly string[] {
  const placed = sent.map(one => ({ ...one, at: entries.findIndex(entry => isOf(one, entry)) }))
  return placed.flatMap(first =>
    placed.flatMap(then => {
      const isLater = then.to === first.to && first.accepted <= then.postedAfter
      return isLater && then.at < first.at ? [`${then.name} arrived before ${first.name}`] : []
    }),
  )
}
