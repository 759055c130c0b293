import type { Clock, Timers } from '../../world.ts'
import { type Json, stringAt } from '../link/frames.ts'

/** A run that shows no sign for so long is not waited for any more. */
const beginWithinMs = 15_000
/** The gateway takes up its new config 0.3 to 2.5 s after it has said that it is written. */
const settleWithinMs = 10_000
const lookMs = 50

/**
 * Keeps questions and changes of the gateway's config apart. A gateway that takes up a config breaks the runs that it
 * has acknowledged and that have not begun (docs/protocol-gateway.md), so a change waits until all of ours have, and
 * questions wait until it is taken up.
 */
export class ReloadGate {
  private readonly clock: Clock
  private readonly timers: Timers
  /** Runs that have not begun, and when they were asked for. */
  private readonly unbegun = new Map<string, number>()
  private shut: PromiseWithResolvers<void> | undefined
  private settledAt = 0

  constructor(clock: Clock, timers: Timers) {
    this.clock = clock
    this.timers = timers
  }

  /** Resolves when a question may leave; from then on its run counts as one that has not begun. */
  async enter(runId: string): Promise<void> {
    while (this.shut !== undefined) await this.shut.promise
    this.forgetOld()
    this.unbegun.set(runId, this.clock.now())
  }

  /** The question came to nothing. */
  leave(runId: string): void {
    this.unbegun.delete(runId)
  }

  hear(event: string, payload: Json): void {
    if (event === 'config.changed') this.settledAt = this.clock.now()
    else if (event === 'chat' || event === 'agent') this.unbegun.delete(stringAt(payload, 'runId') ?? '')
  }

  /** Not to be called before the last change is over. `change` resolves to when something was changed last, if anything was. */
  async pass(change: () => Promise<number | undefined>): Promise<void> {
    const shut = Promise.withResolvers<void>()
    this.shut = shut
    try {
      while (this.isBusy()) await this.pause()
      await this.settle(await change())
    } finally {
      this.shut = undefined
      shut.resolve()
    }
  }

  /** Until what was changed is taken up. */
  private async settle(changedAt: number | undefined): Promise<void> {
    if (changedAt === undefined) return
    while (this.settledAt < changedAt && this.clock.now() < changedAt + settleWithinMs) await this.pause()
  }

  private isBusy(): boolean {
    this.forgetOld()
    return this.unbegun.size > 0
  }

  private forgetOld(): void {
    const since = this.clock.now() - beginWithinMs
    for (const [runId, at] of this.unbegun) if (at <= since) this.unbegun.delete(runId)
  }

  private pause(): Promise<void> {
    return new Promise(resolve => this.timers.at(this.clock.now() + lookMs, resolve))
  }
}
