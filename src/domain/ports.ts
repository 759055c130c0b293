import type { Delivery, DeliveryState, Outcome, Route } from './delivery.ts'
import type { Phase, Turn, TurnState } from './turn.ts'

/** What the store knows that decides how a new message is opened. */
export interface Standing {
  readonly openTurns: number
  /** Messages of this sender in this account during the last minute. */
  readonly sentLastMinute: number
  /** The sender's unclaimed turn in this session, which a new message joins: found through its open ask (lane: sessionKey). */
  readonly waiting?: Turn
  /** The sender's newest turn in this account that ended without the sender having been told. */
  readonly unsaid?: Turn
  /** The next free place in the queue. */
  readonly nextOrder: number
}

/** What one commit writes. Saved turns are compared by version; `add` ignores deliveries that exist already. */
export interface Change {
  readonly save: readonly Turn[]
  readonly add?: readonly Delivery[]
  /** Replaces deliveries that exist; done ones give their lease back. */
  readonly settle?: readonly Delivery[]
  /** Ids of deliveries that nobody needs any more. */
  readonly drop?: readonly string[]
}

export interface TurnCounts {
  readonly states: Readonly<Record<TurnState, number>>
  /** Turns to which something may still happen. */
  readonly open: number
  /** Those of them that have not been asked yet. */
  readonly unclaimed: number
}

export interface TurnKey {
  readonly id: string
  readonly account: string
  readonly sessionKey: string
  readonly sender: string
  readonly receivedAt: number
}

/** Turns and their deliveries. Every call is one durable transaction: when it resolves, it is on disk. */
export interface Turns {
  /** Opens a turn unless one with this id exists; either way resolves to the stored turn. `open` must be pure: it may run again. */
  open(key: TurnKey, open: (standing: Standing) => Change): Promise<{ turn: Turn; seen: boolean }>
  find(id: string): Promise<Turn | undefined>
  findByStream(streamId: string): Promise<Turn | undefined>
  /** Reads, steps, saves; a lost race reads and steps again. `step` must be pure; undefined saves nothing. */
  update(id: string, step: (turn: Turn) => Change | undefined): Promise<Turn | undefined>
  /** Turns whose own deadline has come. */
  due(now: number, limit: number): Promise<readonly Turn[]>
  nextDueAt(): Promise<number | undefined>
  counts(): Promise<TurnCounts>
}

/** Events of the platform that are not turns: true the first time a msgid is seen. */
export interface Inbox {
  see(account: string, msgid: string, at: number): Promise<boolean>
}

/** A delivery under our lease, with the turn it belongs to. */
export interface Claimed {
  readonly delivery: Delivery
  readonly turn: Turn
}

/** Deliveries are found through their turn: an id is its turn's id, a colon and a part, and the turn must be stored. */
export interface Outbox {
  /** Leases due deliveries of `routes`, the head of each lane only. `change` is committed with the claim. */
  claim(
    routes: readonly Route[],
    lease: { now: number; untilMs: number; limit: number },
    change: (claimed: Claimed) => Change,
  ): Promise<readonly Claimed[]>
  /** Keeps leases; resolves to the ids that are still ours. */
  renew(ids: readonly string[], until: number): Promise<readonly string[]>
  /** Gives leases back so that anyone may claim the rows at once. */
  release(ids: readonly string[]): Promise<void>
  /** The earliest delivery of `routes` that is due after `after`. */
  nextDueAt(routes: readonly Route[], after: number): Promise<number | undefined>
  ofTurn(turn: string): Promise<readonly Delivery[]>
  find(id: string): Promise<Delivery | undefined>
  summary(): Promise<{ states: Readonly<Record<DeliveryState, number>>; dead: number; oldestAt?: number }>
}

export interface Store extends Turns, Inbox {
  readonly outbox: Outbox
  /** Erases contents of finished turns older than `contentBefore`, rows older than `rowBefore`. */
  sweep(limits: { contentBefore: number; rowBefore: number }): Promise<{ erased: number; removed: number }>
  /** Resolves when a durable write works. */
  probe(): Promise<void>
  close(): Promise<void>
}

/** What is known of the agent's link. `reason` and `hint` are for the operator. */
export interface LinkStatus {
  readonly state: 'up' | 'connecting' | 'down' | 'refused' | 'pairing'
  readonly since: number
  readonly reason?: string
  readonly hint?: string
  /** What the gateway lets this link do, once it is up. */
  readonly scopes?: string
}

/** A question to the agent. `mark` must be awaited before it leaves: it commits that this boot was asked. */
export interface Ask {
  readonly key: string
  readonly sessionKey: string
  readonly message: string
  /** Not to be asked for the first time at or after this. */
  readonly askBefore: number
  readonly asked?: { readonly at: number; readonly bootId: string }
  mark(bootId: string): Promise<void>
}

/** Snapshots of a running answer; applying one twice or missing one does no harm. */
export type ReplyChunk =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'phase'; readonly phase: Phase }
  | { readonly kind: 'resumed' }

export type RunEnd =
  | { readonly kind: 'answered'; readonly text: string }
  | { readonly kind: 'empty' }
  /** Never asked: `askBefore` passed first. */
  | { readonly kind: 'expired' }
  | { readonly kind: 'failed'; readonly reason: 'error' | 'lost' | 'timeout' | 'agent_unknown'; readonly text: string }
  | { readonly kind: 'stopped'; readonly text: string }

export interface Agent {
  status(): LinkStatus
  /** Called whenever the link comes up or goes down. */
  onStatus(listener: (status: LinkStatus) => void): void
  /**
   * Asks at most once per gateway boot and follows the run to its end, across reconnects and restarts. Rejects with
   * `cancelled` when `signal` fires; the run itself goes on and a later ask with the same key follows it.
   */
  ask(ask: Ask, on: (chunk: ReplyChunk) => void, signal: AbortSignal): Promise<RunEnd>
  /** Stops a run that was asked; resolves also when there was none. */
  abort(key: string, sessionKey: string): Promise<void>
}

/** The ways to WeCom that need no callback to answer. */
export interface Platform {
  postResponse(url: string, content: string): Promise<Outcome>
}
