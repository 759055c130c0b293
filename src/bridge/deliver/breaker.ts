import type { Delivery, Outcome } from '../../domain/delivery.ts'
import type { KeyValue } from '../../domain/ports.ts'
import { probeEveryMs } from '../../core/fallback/attempt.ts'

/** Why everything of one app waits; times are epoch ms. */
export interface Hold {
  readonly since: number
  readonly errcode?: number
  readonly hint?: string
}

/** Since when WeCom gives no answer by one way, and why; times are epoch ms. */
export interface Outage {
  readonly since: number
  readonly lastAt: number
  readonly reason: string
  readonly hint?: string
}

interface OpenBreaker extends Hold {
  nextProbeAt: number
}

/**
 * Apps that only the operator can help: their deliveries wait, and one goes out a minute to see whether it is over. A
 * restart remembers it, so that it does not send all that waits at once. Beside that, the ways on which WeCom does not
 * answer, which hold nothing.
 */
export class AppBreaker {
  private readonly held = new Map<string, OpenBreaker>()
  private readonly silences = new Map<string, Outage>()
  private readonly keyValue: KeyValue

  constructor(keyValue: KeyValue) {
    this.keyValue = keyValue
  }

  /** To be awaited before anything is sent. */
  async load(accounts: Iterable<string>): Promise<void> {
    for (const account of accounts) {
      const text = await this.keyValue.get(nameOf(account))
      // Written by `save` only.
      if (text !== undefined) this.held.set(account, { ...(JSON.parse(text) as Hold), nextProbeAt: 0 })
    }
  }

  /** Whose apps are held. */
  accounts(): readonly string[] {
    return [...this.held.keys()]
  }

  of(account: string): Hold | undefined {
    const held = this.held.get(account)
    if (held === undefined) return undefined
    const { nextProbeAt: _, ...hold } = held
    return hold
  }

  /** When a delivery of this app may go; undefined is now, and then it is the probe. */
  waitUntil(account: string, now: number): number | undefined {
    const held = this.held.get(account)
    if (held === undefined) return undefined
    if (now < held.nextProbeAt) return held.nextProbeAt
    held.nextProbeAt = now + probeEveryMs
    return undefined
  }

  /** Something was changed that may help: what waits may go at once, and the first is the probe. */
  probe(account: string): void {
    const held = this.held.get(account)
    if (held !== undefined) held.nextProbeAt = 0
  }

  async open(account: string, { errcode, hint }: Outcome, now: number): Promise<boolean> {
    const known = this.held.get(account)
    const hold = { since: known?.since ?? now, ...(errcode !== undefined && { errcode }), ...(hint && { hint }) }
    this.held.set(account, { ...hold, nextProbeAt: now + probeEveryMs })
    if (known?.errcode === errcode && known?.hint === hint) return false
    await this.keyValue.set(nameOf(account), JSON.stringify(hold))
    return known === undefined
  }

  /** The app works; true when it was held until now. */
  async close(account: string): Promise<boolean> {
    if (!this.held.delete(account)) return false
    await this.keyValue.set(nameOf(account), '')
    return true
  }

  /** What a call says about the way that it went: nothing comes back from now on, or something does again. */
  observe(way: string, { silent, errcode, errmsg = '', hint }: Outcome, now: number): 'lost' | 'back' | undefined {
    const known = this.silences.get(way)
    if (silent === true) {
      this.silences.set(way, { since: known?.since ?? now, lastAt: now, reason: errmsg, ...(hint && { hint }) })
      return known === undefined ? 'lost' : undefined
    }
    // Without an errcode the outcome is of our own making.
    return errcode !== undefined && this.silences.delete(way) ? 'back' : undefined
  }

  outageOn(way: string): Outage | undefined {
    return this.silences.get(way)
  }
}

/** Whether a delivery is held when the app of its account is. */
export function usesApp({ route }: Pick<Delivery, 'route'>): boolean {
  return route === 'app' || route === 'appchat'
}

/** The way of a delivery for `listen`: that of an app, of the answers of a Bot, or of all group robots. */
export function outageKeyOf({ route, account }: Pick<Delivery, 'route' | 'account'>): string {
  if (route === 'webhook') return 'webhooks'
  return `${usesApp({ route }) ? 'app' : 'bot'}:${account}`
}

function nameOf(account: string): string {
  return `hold:${account}`
}
