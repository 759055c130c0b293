import type { Store } from '../domain/ports.ts'
import type { Surface } from '../domain/message.ts'
import { hourMs } from '../domain/duration.ts'
import { messageOf } from '../errors.ts'
import { maxFailures, type Metrics } from '../http/metrics.ts'
import type { World } from '../world.ts'

const surfaces: readonly Surface[] = ['bot', 'app']

/** Reads what `status` shows from before the restart: failures of the last hour, and when WeCom verified each URL. */
export async function restoreStatus(
  store: Store,
  metrics: Metrics,
  accounts: readonly string[],
  { clock, log }: Pick<World, 'clock' | 'log'>,
): Promise<void> {
  try {
    metrics.restore(await store.failedSince(clock.now() - hourMs, maxFailures))
    for (const account of accounts) {
      for (const surface of surfaces) {
        const at = Number(await store.keyValue.get(keyOf(account, surface)))
        if (at > 0) metrics.surface(account, surface).verifiedAt ??= at
      }
    }
  } catch (error) {
    log.warn('what happened before the restart could not be read for status', { error: messageOf(error) })
  }
}

/** Keeps the time at which WeCom verified a URL. */
export function rememberVerified(
  store: Store,
  { account, surface, at }: { readonly account: string; readonly surface: Surface; readonly at: number },
  log: World['log'],
): void {
  store.keyValue
    .set(keyOf(account, surface), String(at))
    .catch(error => log.warn('a URL verification could not be stored', { account, error: messageOf(error) }))
}

function keyOf(account: string, surface: Surface): string {
  return `verified:${surface}:${account}`
}
