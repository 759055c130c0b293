import type { Outcome } from '../domain/delivery.ts'
import type { Memos } from '../domain/ports.ts'
import { probeEveryMs } from '../fallback/attempt.ts'

/** Why everything of one app waits; times are epoch ms. */
export interface Hold {
  readonly since: number
  readonly errcode?: number
  readonly hint?: string
}

interface Held extends Hold {
  nextProbeAt: number
}

/**
 * Apps that only the operator can help: their deliveries wait, and one goes out a minute to see whether it is over. A
 * restart remembers it, so that it does not send all that waits at once.
 */
export class Holds {
  private readonly held = new Map<string, Held>()
  private readonly memos: Memos

  constructor(memos: Memos) {
    this.memos = memos
  }

  /** To be awaited before anything is sent. */
  async load(accounts: Iterable<string>): Promise<void> {
    for (const account of accounts) {
      const text = await this.memos.recall(nameOf(account))
      // Written by `save` only.
      if (text !== undefined) this.held.set(account, { ...(JSON.parse(text) as Hold), nextProbeAt: 0 })
    }
  }

  /** Whose apps are held. */
  accounts(): readonly string[] {
    return [...this.held.keys()]
  }

  of(account: string): Hold | undefined {
    return this.held.get(account)
  }

  /** When a delivery of this app may go; undefined is now, and then it is the probe. */
  waitUntil(account: string, now: number): number | undefined {
    const held = this.held.get(account)
    if (held === undefined) return undefined
    if (now < held.nextProbeAt) return held.nextProbeAt
    held.nextProbeAt = now + probeEveryMs
    return undefined
  }

  async trip(account: string, { errcode, hint }: Outcome, now: number): Promise<boolean> {
    const known = this.held.get(account)
    const hold = { since: known?.since ?? now, ...(errcode !== undefined && { errcode }), ...(hint && { hint }) }
    this.held.set(account, { ...hold, nextProbeAt: now + probeEveryMs })
    if (known?.errcode === errcode && known?.hint === hint) return false
    await this.memos.remember(nameOf(account), JSON.stringify(hold))
    return known === undefined
  }

  /** The app works; true when it was held until now. */
  async lift(account: string): Promise<boolean> {
    if (!this.held.delete(account)) return false
    await this.memos.remember(nameOf(account), '')
    return true
  }
}

function nameOf(account: string): string {
  return `hold:${account}`
}
