import type { ScriptStep } from '../../src/playground/gateway/runs/script.ts'
import type { Tenant } from '../../src/playground/tenant/tenant.ts'
import type { Bubble } from '../../src/playground/tenant/bot/bubble.ts'
import type { ApiFault } from '../../src/playground/tenant/fault.ts'
import type { Seeded } from '../crypto/seeded.ts'
import { goOn } from './moment.ts'

/** How an answer grows: words, their bytes, the pause after each, and the silence before the first. Messages carry their wish. */
const growths = {
  short: [4, 12, 20, 0],
  words: [30, 12, 30, 0],
  big: [3, 1_500, 30, 0],
  /** More than a bubble takes. */
  huge: [15, 1_500, 15, 0],
  /** The bubble has closed by then. */
  late: [4, 12, 20, 4_500],
} as const
export type Kind = keyof typeof growths

/** A bubble under the name that its message and its answer carry. */
export interface Said {
  readonly name: string
  readonly conversation: string
  readonly userid: string
  readonly bubble: Bubble
}

/** Several people who chat at the same time, alone with the Bot and in a group. */
export interface Traffic {
  readonly said: readonly Said[]
  /** Nobody says anything new; resolves when all bubbles that are still looked at came to their end. */
  stop(): Promise<void>
}

/** What says that `name` was asked, and the last words of its answer. */
export const askOf = (name: string): string => `«${name} `
export const endOf = (name: string): string => `end of ${name}.`
/** The names whose answers a text shows, whole or in part. */
export const namesIn = (text: string): readonly string[] =>
  [...text.matchAll(/\b([\w-]+):\d+ /g)].map(([, name]) => name ?? '')

/** The echo agent of this traffic: numbered words with the name of what they answer, ended by `endOf` for every message. */
export function* answerScript(question: string): Generator<ScriptStep, void> {
  const asked = [...question.matchAll(/«([\w-]+) (\w+)»/g)]
  for (const [, name = '', kind = ''] of asked) yield* growing(name, kind)
  yield { kind: 'say', text: asked.map(([, name = '']) => endOf(name)).join(' ') }
}

function* growing(name: string, kind: string): Generator<ScriptStep, void> {
  const [count, bytes, pauseMs, silentMs] =
    Object.entries(growths).find(([known]) => known === kind)?.[1] ?? growths.short
  yield { kind: 'wait', ms: silentMs }
  for (let index = 0; index < count; index++) {
    yield { kind: 'say', text: `${name}:${index} ${'.'.repeat(bytes - 12)} ` }
    yield { kind: 'wait', ms: pauseMs }
  }
}

/** Which message of everybody is soon looked at no more: its answer must find another way. */
const unheeded = 4

const places: readonly { readonly userid: string; readonly chatid?: string }[] = [
  { userid: 'u1' },
  { userid: 'u2' },
  { userid: 'u3' },
  { userid: 'g1', chatid: 'Group-A' },
  { userid: 'g2', chatid: 'Group-A' },
  { userid: 'g3', chatid: 'Group-A' },
]

/** Starts the traffic; `random` decides who wishes what of `kinds` and how hurried they are. Names are numbered from `first`. */
export function startTraffic(tenant: Tenant, random: Seeded, kinds: readonly Kind[], first = 1): Traffic {
  const said: Said[] = []
  const evening = new AbortController()
  const last = first - 1 + unheeded
  const chat = async ({ userid, chatid }: (typeof places)[number]): Promise<void> => {
    for (let count = first; !evening.signal.aborted; count++) {
      const name = `${userid}-${count}`
      const kind = kinds[random.below(kinds.length)] ?? 'short'
      const text = `@助手 «${name} ${kind}»`
      const bubble = tenant.say({ userid, ...(chatid !== undefined && { chatid }), text })
      spoil(tenant, bubble, random)
      if (bubble.state !== 'dropped') said.push({ name, conversation: chatid ?? userid, userid, bubble })
      await bubble.opened
      if (count === last) void goOn(random.below(1_000)).then(() => bubble.stopPolling())
      else if (random.below(3) > 0) await bubble.finished
      await goOn(random.below(250))
    }
  }
  const people = places.map(chat)
  return {
    said,
    async stop() {
      evening.abort()
      await Promise.all(people)
      await Promise.all(said.flatMap(({ name, bubble }) => (name.endsWith(`-${last}`) ? [] : [bubble.finished])))
    },
  }
}

const cuts: readonly ApiFault[] = [
  { when: 'before', how: 'reset' },
  { when: 'after', how: 'reset' },
  { when: 'before', how: 200, delayMs: 300 },
  { when: 'after', how: 200, delayMs: 300 },
]

/** Some requests to response_urls are cut off or take their time, before or after the platform took the message. */
function spoil(tenant: Tenant, { responseUrl }: Bubble, random: Seeded): void {
  const fault = cuts[random.below(2 * cuts.length)]
  if (fault !== undefined) tenant.responses.fail(fault, responseUrl)
}
