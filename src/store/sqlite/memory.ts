import { minuteMs } from '../../domain/duration.ts'
import type { Turn, TurnState } from '../../domain/turn.ts'
import { isOpen, isUnclaimed } from '../../domain/turn.ts'
import type { Engine } from './engine.ts'

/** Senders who have been silent for a minute are looked for once per this many messages. */
const pruneEvery = 50_000

interface Tally {
  readonly states: Record<TurnState, number>
  open: number
  unclaimed: number
  unsaid: number
  lastSeq: number
}

/** What a row of the turn table counts as. */
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
 * Counts over the turn table that every message needs, kept in memory since this process is the only writer, and read
 * from the file when they are not known. What an operation did to them is undone with it.
 */
export class TurnMemory {
  private tally: Tally | undefined
  /** When each sender wrote during the last minute, oldest first. */
  private readonly sent = new Map<string, number[]>()
  private seen = 0
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
      forget: () => {
        this.tally = undefined
      },
    })
  }

  /** The counts as they are; not to be kept. */
  counts(): Readonly<Tally> {
    return this.known()
  }

  count(row: TurnTally, by: 1 | -1): void {
    add(this.known(), row, by)
    this.undos.push(() => add(this.known(), row, -by))
  }

  /** A turn was inserted as row `seq`. */
  note(account: string, sender: string, at: number, seq: number): void {
    const tally = this.known()
    const { lastSeq } = tally
    tally.lastSeq = seq
    const times = this.timesOf(account, sender)
    times.push(at)
    this.undos.push(() => {
      tally.lastSeq = lastSeq
      times.pop()
    })
    if (++this.seen % pruneEvery === 0) this.prune(at - minuteMs)
  }

  /** Messages of a sender after `since`. */
  sentSince(account: string, sender: string, since: number): number {
    this.known()
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

  private known(): Tally {
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
