import { minuteMs } from '../../domain/duration.ts'
import type { Turn, TurnState } from '../../domain/turn.ts'
import { isOpen, isUnclaimed } from '../../domain/turn.ts'
import type { Engine } from './engine.ts'

/** Senders without a message during the last minute are dropped once per this many messages. */
const pruneEvery = 50_000

interface Tally {
  readonly states: Record<TurnState, number>
  open: number
  unclaimed: number
  unsaid: number
  lastSeq: number
}

/** The columns of a turn that are counted; flags are 0 or 1. */
export interface TurnTally {
  readonly state: TurnState
  readonly ended: number
  readonly unclaimed: number
  readonly unsaid: number
}

export function turnTallyOf(turn: Turn): TurnTally {
  const flag = (is: boolean) => (is ? 1 : 0)
  return {
    state: turn.state,
    ended: flag(turn.endedAt !== undefined),
    unclaimed: flag(isUnclaimed(turn)),
    unsaid: flag(turn.unsaid === true),
  }
}

/**
 * Counts over the turn table that every message needs: open turns, the sender's rate, the next row number. They are
 * kept in memory, because an index over random keys would cost a page of the log per message. This process is the only
 * writer.
 *
 * Each change records its inverse, so that a rolled back operation is undone exactly. After a failed commit the counts
 * are read from the file again.
 */
export class TurnMemory {
  private tally: Tally | undefined
  /** The times of each sender's messages during the last minute, oldest first. */
  private readonly sent = new Map<string, number[]>()
  private noted = 0
  private undos: (() => void)[] = []
  private readonly statements

  constructor(engine: Engine) {
    this.statements = {
      states: engine.prepare<TurnTally & { n: number }>(
        `SELECT state, ended_at IS NOT NULL AS ended, unclaimed, unsaid, count(*) AS n FROM turn
         GROUP BY state, ended, unclaimed, unsaid`,
      ),
      last: engine.prepare<{ seq: number | null }>('SELECT max(seq) AS seq FROM turn'),
      recent: engine.prepare<{ account: string; sender: string; at: number }>(
        'SELECT account, sender, received_at AS at FROM turn ORDER BY seq DESC',
      ),
    }
    engine.watch({
      mark: () => {
        this.undos = []
      },
      undo: () => {
        for (const undo of this.undos.toReversed()) undo()
      },
      invalidate: () => {
        this.tally = undefined
      },
    })
  }

  /** The counts as they are now. Don't keep the object: it changes. */
  counts(): Readonly<Tally> {
    return this.loaded()
  }

  /** Adds a row to the counts, or removes it. */
  count(row: TurnTally, by: 1 | -1): void {
    add(this.loaded(), row, by)
    this.undos.push(() => add(this.loaded(), row, -by))
  }

  /** A turn was inserted as row `seq`: counts it for its sender's rate. */
  note(account: string, sender: string, at: number, seq: number): void {
    const tally = this.loaded()
    const { lastSeq } = tally
    tally.lastSeq = seq
    const times = this.timesOf(account, sender)
    times.push(at)
    this.undos.push(() => {
      tally.lastSeq = lastSeq
      times.pop()
    })
    if (++this.noted % pruneEvery === 0) this.prune(at - minuteMs)
  }

  /**
   * The number of messages of a sender after `since`. Forgets messages that are more than a minute older than `since`.
   */
  sentSince(account: string, sender: string, since: number): number {
    this.loaded()
    const times = this.sent.get(keyOf(account, sender))
    if (times === undefined) return 0
    while ((times[0] ?? Infinity) <= since - minuteMs) times.shift()
    return times.filter(at => at > since).length
  }

  private timesOf(account: string, sender: string): number[] {
    const key = keyOf(account, sender)
    const times = this.sent.get(key) ?? []
    this.sent.set(key, times)
    return times
  }

  private prune(before: number): void {
    for (const [key, times] of this.sent) if ((times.at(-1) ?? 0) <= before) this.sent.delete(key)
  }

  private loaded(): Tally {
    this.tally ??= this.read()
    return this.tally
  }

  private read(): Tally {
    const tally: Tally = {
      states: { waiting: 0, asking: 0, streaming: 0, closing: 0, shown: 0, moved: 0, ended: 0 },
      open: 0,
      unclaimed: 0,
      unsaid: 0,
      lastSeq: this.statements.last.get()?.seq ?? 0,
    }
    for (const row of this.statements.states.all()) add(tally, row, row.n)
    this.sent.clear()
    let newest: number | undefined
    for (const { account, sender, at } of this.statements.recent.iterate()) {
      newest ??= at
      if (at <= newest - minuteMs) break
      this.timesOf(account, sender).unshift(at)
    }
    return tally
  }
}

function add(tally: Tally, row: TurnTally, by: number): void {
  tally.states[row.state] += by
  if (row.unclaimed === 1) tally.unclaimed += by
  if (row.unsaid === 1) tally.unsaid += by
  if (isOpen({ state: row.state, isOver: row.ended === 1 })) tally.open += by
}

function keyOf(account: string, sender: string): string {
  return `${account}\0${sender}`
}
