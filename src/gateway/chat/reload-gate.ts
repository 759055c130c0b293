/**
 * Keeps new questions apart from changes to the gateway's config.
 *
 * With dynamic agents, wecomd creates agents in the gateway while users are chatting. `agents.create` writes the
 * gateway's own config file, and the gateway applies that file 0.3 to 2.5 s later. At that moment it ends every run, of
 * any agent, that it has acknowledged but not begun: `prepared model runtime plugin generation was superseded`. On a
 * loaded gateway this hit 12 of 12 runs when an agent was created 0 to 450 ms after their ack. It hit none of 16 runs
 * that had already sent an event, and no question asked after `config.changed`. Ten new users at once would break each
 * other's first questions, and those of everyone else. Such a question is asked again under a new key, but then it is in
 * the session twice.
 *
 * A run is therefore vulnerable from the moment it is sent until its first event. The gate holds two sides back:
 *
 * - A change (`runChange`) waits until every run of ours has sent an event. Then it writes the config.
 * - A question (`enter`) waits while a change is waiting or running, until the gateway reports `config.changed`.
 *
 * Both waits have a limit, because the event they wait for may be lost with the link. A run without an event delays a
 * change for at most 15 s. A change without `config.changed` delays questions for at most 10 s.
 *
 * Two cases are not covered. A config change by another client still breaks runs that are about to begin, which are then
 * asked again. And a run queued after another client's counts as begun, because the gateway first reports an empty
 * `final` for it.
 */
import type { Clock, Timers } from '../../world.ts'
import { type Json, stringAt } from '../link/frames.ts'

/** A change stops waiting for a run that has sent no event for this long. */
const startTimeoutMs = 15_000
/** Questions stop waiting for `config.changed` after this. It usually arrives within 2.5 s. */
const reloadTimeoutMs = 10_000
const pollMs = 50

/** One gate per gateway, shared by everything that asks questions or changes the gateway's config. */
export class ReloadGate {
  private readonly clock: Clock
  private readonly timers: Timers
  /** Runs without an event so far, and when they were sent. */
  private readonly unstarted = new Map<string, number>()
  private closed: PromiseWithResolvers<void> | undefined
  private reloadedAt = 0

  constructor(clock: Clock, timers: Timers) {
    this.clock = clock
    this.timers = timers
  }

  /** Resolves when the question may be sent. From then on its run counts as unstarted. */
  async enter(runId: string): Promise<void> {
    while (this.closed !== undefined) await this.closed.promise
    this.dropExpired()
    this.unstarted.set(runId, this.clock.now())
  }

  /** Withdraws a run: the question was not sent, or was rejected. */
  leave(runId: string): void {
    this.unstarted.delete(runId)
  }

  /** To be called for every event of the users' link. */
  handleEvent(event: string, payload: Json): void {
    if (event === 'config.changed') this.reloadedAt = this.clock.now()
    else if (event === 'chat' || event === 'agent') this.unstarted.delete(stringAt(payload, 'runId') ?? '')
  }

  /**
   * Runs `change` once no run is unstarted, and opens the gate when the gateway has applied it. `change` resolves to the
   * time of its last write, or undefined when it wrote nothing. Never call this before the previous change has resolved.
   */
  async runChange(change: () => Promise<number | undefined>): Promise<void> {
    const closed = Promise.withResolvers<void>()
    this.closed = closed
    try {
      while (this.hasUnstarted()) await this.pause()
      await this.waitForReload(await change())
    } finally {
      this.closed = undefined
      closed.resolve()
    }
  }

  /** Resolves when the gateway has applied a config written at `changedAt`. */
  private async waitForReload(changedAt: number | undefined): Promise<void> {
    if (changedAt === undefined) return
    while (this.reloadedAt < changedAt && this.clock.now() < changedAt + reloadTimeoutMs) await this.pause()
  }

  private hasUnstarted(): boolean {
    this.dropExpired()
    return this.unstarted.size > 0
  }

  private dropExpired(): void {
    const since = this.clock.now() - startTimeoutMs
    for (const [runId, at] of this.unstarted) if (at <= since) this.unstarted.delete(runId)
  }

  private pause(): Promise<void> {
    return new Promise(resolve => this.timers.at(this.clock.now() + pollMs, resolve))
  }
}
