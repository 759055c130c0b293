/**
 * Remembers which apps WeCom refuses, and which routes to WeCom don't answer.
 *
 * Some refusals are about the app and not about the message: an IP address that is not in the app's trusted list
 * (60020), a wrong secret, a disabled app. Only an operator can fix them. Sending on would fail every queued message
 * one by one and turn a wrong setting into hundreds of dead letters. So the app is put on hold: all its deliveries wait
 * in state `held`, and one delivery per minute is sent as a probe (docs/adr/0007-sending.md).
 *
 * It is a circuit breaker whose memory is on disk:
 *
 * - `open` when WeCom refuses the app. Each further refusal starts the minute again.
 * - half open when the minute is over: the first delivery that calls `waitUntil` becomes the probe. That call starts
 *   the next minute at once, so that a second delivery in the same moment has to wait.
 * - `close` at the first outcome that is about the message, even a refusal of it. WeCom accepts the app again then.
 *   `Deliverer` releases the held deliveries.
 *
 * The hold is stored with its cause. Otherwise every restart would send all waiting messages at once, and an operator
 * who looks for the cause restarts often. The minute is not stored: the first delivery after a restart is a probe,
 * because the operator may have fixed the setting. `allowProbe` does the same after a config reload.
 *
 * A repeat of an attempt with an unknown outcome passes an open breaker. WeCom detects duplicates for a limited time
 * only, so the repeat can't wait for a minute.
 *
 * Outages are a separate matter. If a route gives no answer at all, nothing is held, because retries with their own
 * delays are enough. They are only recorded, so that `status` shows them and each change is logged once.
 */
import type { Delivery, Outcome } from '../../domain/delivery.ts'
import type { KeyValue } from '../../domain/ports.ts'
import { probeEveryMs } from '../../core/fallback/attempt.ts'

/** Why an app is on hold. Stored as JSON. `since` is epoch ms; `errcode` and `hint` are for the operator. */
export interface Hold {
  readonly since: number
  readonly errcode?: number
  readonly hint?: string
}

/** A route to WeCom that doesn't answer. Times are epoch ms; `lastAt` is the last failed request. */
export interface Outage {
  readonly since: number
  readonly lastAt: number
  readonly reason: string
  readonly hint?: string
}

interface OpenBreaker extends Hold {
  nextProbeAt: number
}

/** Apps on hold, by account, and routes without an answer, by the key of `outageKeyOf`. */
export class AppBreaker {
  private readonly held = new Map<string, OpenBreaker>()
  private readonly outages = new Map<string, Outage>()
  private readonly keyValue: KeyValue

  constructor(keyValue: KeyValue) {
    this.keyValue = keyValue
  }

  /** Loads the stored holds. Must be awaited before anything is sent. */
  async load(heldAccounts: Iterable<string>): Promise<void> {
    for (const account of heldAccounts) {
      const text = await this.keyValue.get(keyOf(account))
      // Written by `open` only.
      if (text !== undefined) this.held.set(account, { ...(JSON.parse(text) as Hold), nextProbeAt: 0 })
    }
  }

  /** The accounts whose app is on hold. */
  accounts(): readonly string[] {
    return [...this.held.keys()]
  }

  /** Undefined if the app of this account is not on hold. */
  holdOf(account: string): Hold | undefined {
    const held = this.held.get(account)
    if (held === undefined) return undefined
    const { nextProbeAt: _, ...hold } = held
    return hold
  }

  /**
   * When a delivery of this app may be tried (epoch ms). Undefined: now. If the app is on hold, the caller's delivery
   * is then the probe and must be sent, because the next one has to wait for a minute.
   */
  waitUntil(account: string, now: number): number | undefined {
    const held = this.held.get(account)
    if (held === undefined) return undefined
    if (now < held.nextProbeAt) return held.nextProbeAt
    held.nextProbeAt = now + probeEveryMs
    return undefined
  }

  /** The operator changed something that may help: the next delivery is a probe. */
  allowProbe(account: string): void {
    const held = this.held.get(account)
    if (held !== undefined) held.nextProbeAt = 0
  }

  /** WeCom refused the app. Resolves to true if it was not on hold before. */
  async open(account: string, { errcode, hint }: Outcome, now: number): Promise<boolean> {
    const known = this.held.get(account)
    const hold = { since: known?.since ?? now, ...(errcode !== undefined && { errcode }), ...(hint && { hint }) }
    this.held.set(account, { ...hold, nextProbeAt: now + probeEveryMs })
    if (known?.errcode === errcode && known?.hint === hint) return false
    await this.keyValue.set(keyOf(account), JSON.stringify(hold))
    return known === undefined
  }

  /** WeCom accepts the app. Resolves to true if it was on hold until now. */
  async close(account: string): Promise<boolean> {
    if (!this.held.delete(account)) return false
    await this.keyValue.set(keyOf(account), '')
    return true
  }

  /** Records whether a request got an answer. Returns `lost` or `restored` when that changed. */
  observe(key: string, { silent, errcode, errmsg = '', hint }: Outcome, now: number): 'lost' | 'restored' | undefined {
    const known = this.outages.get(key)
    if (silent === true) {
      this.outages.set(key, { since: known?.since ?? now, lastAt: now, reason: errmsg, ...(hint && { hint }) })
      return known === undefined ? 'lost' : undefined
    }
    // An outcome without an errcode was made up here and proves nothing about WeCom.
    return errcode !== undefined && this.outages.delete(key) ? 'restored' : undefined
  }

  outageOf(key: string): Outage | undefined {
    return this.outages.get(key)
  }
}

/** Whether a delivery is sent by the app, and so waits while the app is on hold. */
export function usesApp({ route }: Pick<Delivery, 'route'>): boolean {
  return route === 'app' || route === 'appchat'
}

/** The key for `observe` and `outageOf`: the app of an account, the response_urls of its Bot, or all group robots. */
export function outageKeyOf({ route, account }: Pick<Delivery, 'route' | 'account'>): string {
  if (route === 'webhook') return 'webhooks'
  return `${usesApp({ route }) ? 'app' : 'bot'}:${account}`
}

function keyOf(account: string): string {
  return `hold:${account}`
}
