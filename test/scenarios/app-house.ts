import type { LedgerEntry } from '../../src/playground/tenant/ledger.ts'
import { type House, type HouseOptions, openHouse } from './house.ts'
import { until } from './until.ts'

/** Where the answers of an app go. */
export const sendPath = '/cgi-bin/message/send'

/** A house with an app whose gateway link is up. */
export async function openAppHouse(options: HouseOptions = {}): Promise<House> {
  const house = await openHouse({ agent: {}, ...options })
  await until('the gateway link', () => isReady(house))
  return house
}

export async function isReady({ app }: House): Promise<boolean> {
  return (await fetch(`${app.privateUrl}/readyz`)).status === 200
}

/** Ends the gateway; from when it resolves the daemon knows, and asks nothing. */
export async function stopGateway(house: House): Promise<void> {
  await house.gateway.kill()
  await until('the link to be down', async () => !(await isReady(house)))
}

/** What a member saw of the app, in order. */
export function directMessages({ tenant }: House, userid: string): readonly LedgerEntry[] {
  return tenant.ledger.seen({ userid }).filter(entry => entry.kind.startsWith('app-'))
}

export function textsOf(house: House, userid: string): readonly string[] {
  return directMessages(house, userid).map(entry => entry.text)
}

/** Resolves to what a member saw of the app once it is at least `count` messages and nothing more is on its way. */
export async function untilTexts(house: House, userid: string, count: number): Promise<readonly string[]> {
  await until(`${count} direct messages`, () => textsOf(house, userid).length >= count)
  await untilIdle(house)
  return textsOf(house, userid)
}

/** Resolves when nothing is open and nothing is on its way. */
export async function untilIdle(house: House): Promise<void> {
  await until('the house to be idle', async () => {
    // The daemon is of this source.
    const status = (await house.api('/api/status')) as { turns: { open: number }; outbox: { queued: number } }
    return status.turns.open === 0 && status.outbox.queued === 0
  })
}
