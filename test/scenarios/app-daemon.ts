import type { LedgerEntry } from '../../src/playground/tenant/ledger.ts'
import { type TestDaemon, type TestDaemonOptions, startTestDaemon } from './daemon.ts'
import { until } from './until.ts'

/** Where the answers of an app go. */
export const sendPath = '/cgi-bin/message/send'

/** A daemon with an app whose gateway link is up. */
export async function startAppDaemon(options: TestDaemonOptions = {}): Promise<TestDaemon> {
  const daemon = await startTestDaemon({ agent: {}, ...options })
  await until('the gateway link', () => isReady(daemon))
  return daemon
}

export async function isReady({ app }: TestDaemon): Promise<boolean> {
  return (await fetch(`${app.privateUrl}/readyz`)).status === 200
}

/** Ends the gateway; from when it resolves the daemon knows, and asks nothing. */
export async function stopGateway(daemon: TestDaemon): Promise<void> {
  await daemon.gateway.kill()
  await until('the link to be down', async () => !(await isReady(daemon)))
}

/** What a member saw of the app, in order. */
export function directMessages({ tenant }: TestDaemon, userid: string): readonly LedgerEntry[] {
  return tenant.ledger.seen({ userid }).filter(entry => entry.kind.startsWith('app-'))
}

export function textsOf(daemon: TestDaemon, userid: string): readonly string[] {
  return directMessages(daemon, userid).map(entry => entry.text)
}

/** Resolves to what a member saw of the app once it is at least `count` messages and nothing more is on its way. */
export async function untilTexts(daemon: TestDaemon, userid: string, count: number): Promise<readonly string[]> {
  await until(`${count} direct messages`, () => textsOf(daemon, userid).length >= count)
  await untilIdle(daemon)
  return textsOf(daemon, userid)
}

/** Resolves when nothing is open and nothing is on its way. */
export async function untilIdle(daemon: TestDaemon): Promise<void> {
  await until('the daemon to be idle', async () => {
    // The daemon is of this source.
    const status = (await daemon.api('/api/status')) as { turns: { open: number }; outbox: { queued: number } }
    return status.turns.open === 0 && status.outbox.queued === 0
  })
}
