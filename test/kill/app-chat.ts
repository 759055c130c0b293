import type { Tenant } from '../../src/playground/tenant/tenant.ts'
import type { AppCall } from '../../src/playground/tenant/app/call.ts'
import type { Seeded } from '../crypto/seeded.ts'
import type { Binary } from '../scenarios/binary.ts'
import { journeyOf } from './rig.ts'
import { goOn } from './moment.ts'
import { endOf, type Kind } from './traffic.ts'
import { readOf } from './verdict.ts'

export const chatters = ['a1', 'a2', 'a3']

/** A message to the app under the name that it and its answer carry. */
export interface Told {
  readonly name: string
  readonly userid: string
  readonly call: AppCall
}

/** Members who talk with the app at the same time. */
export interface AppChat {
  readonly told: readonly Told[]
  /** Resolves when every callback was answered or given up. */
  stop(): Promise<void>
}

/** Names are numbered from `first`. */
export function startAppChat(tenant: Tenant, random: Seeded, kinds: readonly Kind[], first = 1): AppChat {
  const told: Told[] = []
  const evening = new AbortController()
  const chat = async (userid: string): Promise<void> => {
    for (let count = first; !evening.signal.aborted; count++) {
      const name = `${userid}-${count}`
      const call = tenant.sayToApp({ userid, text: `«${name} ${kinds[random.below(kinds.length)] ?? 'short'}»` })
      told.push({ name, userid, call })
      await call.done
      if (random.below(4) === 0) await call.deliverAgain()
      await goOn(random.below(900))
    }
  }
  const people = chatters.map(chat)
  return {
    told,
    async stop() {
      evening.abort()
      await Promise.all(people)
    },
  }
}

/** The answer to each message comes once, to whom it belongs; not at all only where the daemon says that it cannot know. */
export async function complainOfAppChat(
  daemon: Binary,
  tenant: Tenant,
  told: readonly Told[],
): Promise<readonly string[]> {
  const judged = await Promise.all(
    told.map(async ({ name, userid, call }) => {
      const seen = tenant.ledger.entries.filter(entry => readOf(tenant, entry).includes(endOf(name)))
      const isSeen = seen.length === 1 && seen[0]?.userid === userid
      if (isSeen || (seen.length === 0 && (call.state === 'lost' || (await isUnknown(daemon, call.msgid))))) return []
      return [
        `the answer to ${name} was seen ${seen.length} times: ${JSON.stringify(await journeyOf(daemon, call.msgid))}`,
      ]
    }),
  )
  return judged.flat()
}

/** The delivery of its answer, or of the one that it was merged into, is listed as unknown. */
async function isUnknown(daemon: Binary, id: string): Promise<boolean> {
  const journey = await journeyOf(daemon, id)
  if (journey.some(event => event.kind === 'delivery' && event['state'] === 'unknown')) return true
  const into = journey.find(event => event['end'] === 'merged')?.['into']
  return typeof into === 'string' && isUnknown(daemon, into)
}
