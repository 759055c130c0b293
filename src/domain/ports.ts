import type { Delivery, DeliveryState, MediaMessage, Message, Outcome, Route } from './delivery.ts'
import type { Job, JobQueue } from './job.ts'
import type { Attachment, Card, Conversation, MediaProblem } from './message.ts'
import type { Target } from './target.ts'
import type { Turn, TurnState } from './turn.ts'

/** The stored facts that decide how a new message is opened: overload, and what it can join. */
export interface SenderLoad {
  readonly openTurns: number
  /** Messages of this sender in this account during the last minute. */
  readonly sentLastMinute: number
  /** The sender's unclaimed turn in this conversation, which a new message joins. */
  readonly waiting?: Turn
  /** The sender's newest turn in this account whose end the sender has not seen. */
  readonly unsaid?: Turn
  /** The `order` of a new turn, after all others. Its stream id contains it. */
  readonly nextOrder: number
  /** The turns of this conversation with a pending task, in order. Queried when called. */
  inLane(): readonly Turn[]
}

/**
 * The writes of one commit.
 *
 * `save` compares each turn's `version` with the stored one; a turn whose task is not `claimed` releases its lease.
 * `add` ignores rows that exist. `settle` replaces rows that exist; those that are done or queued release their lease.
 */
export interface Change {
  readonly save: readonly Turn[]
  readonly add?: readonly (Delivery | Job)[]
  readonly settle?: readonly (Delivery | Job)[]
}

/** A turn before and after a commit. A new turn has no `before`. */
export interface TurnChange {
  readonly before?: Turn
  readonly after: Turn
}

/** The rows that one commit wrote, in order. A row that was written twice is listed twice. */
export interface Commit {
  readonly turns: readonly TurnChange[]
  readonly deliveries: readonly Delivery[]
  readonly jobs: readonly Job[]
}

export interface TurnCounts {
  readonly states: Readonly<Record<TurnState, number>>
  /** Turns for which `isOpen` is true. */
  readonly open: number
  /** Open turns that have not been asked yet. */
  readonly unclaimed: number
}

/** Which turns to list, at most `limit`. `user` is compared without case. */
export interface TurnFilter {
  readonly limit: number
  readonly state?: string
  readonly end?: string
  readonly user?: string
}

/** Turns, the newest first. Without a cursor there are no more. */
export interface TurnPage {
  readonly turns: readonly Turn[]
  readonly cursor?: string
}

export interface TurnKey {
  readonly id: string
  readonly account: string
  readonly conversation: Conversation
  readonly sender: string
  readonly receivedAt: number
}

/** Turns, with their deliveries and jobs. Every call is one transaction, and is on disk when it resolves. */
export interface Turns {
  /**
   * Opens a turn unless its id exists (`seen`). Resolves to the stored turn. `open` must be pure, since it may run
   * again.
   */
  open(key: TurnKey, open: (standing: SenderLoad) => Change): Promise<{ turn: Turn; seen: boolean }>
  find(id: string): Promise<Turn | undefined>
  findByStream(streamId: string): Promise<Turn | undefined>
  /**
   * Reads a turn, applies `step` and saves the result; if another writer was faster, it reads and steps again. `step`
   * must be pure. If it returns undefined, nothing is saved.
   */
  update(id: string, step: (turn: Turn) => Change | undefined): Promise<Turn | undefined>
  /** The newest turns of a session that was active during the last day, newest first, at most 20. */
  recentTurns(sessionKey: string): Promise<readonly Turn[]>
  /** The keys of sessions with a message after `since` (epoch ms, at most a day ago), the most recent first. */
  activeSessions(since: number): Promise<readonly string[]>
  /** A page of turns, from the cursor of the page before. It looks at 20,000 turns at most. */
  listTurns(filter: TurnFilter, cursor: string | undefined): Promise<TurnPage>
  /** The ids of the newest 20,000 turns, the newest first. */
  newestTurnIds(): Promise<readonly string[]>
  /** The ids of turns and of deliveries without a turn that begin with `prefix`, at most 20 of each. */
  idsFrom(prefix: string): Promise<readonly string[]>
  /** When and why turns failed after `since`, at most `limit`, the oldest first. */
  failedSince(since: number, limit: number): Promise<readonly { readonly at: number; readonly cause: string }[]>
  /** Turns whose deadline (`nextDeadline`) is not after `now`. */
  due(now: number, limit: number): Promise<readonly Turn[]>
  nextDueAt(): Promise<number | undefined>
  counts(): Promise<TurnCounts>
}

/** Deduplicates WeCom's events that open no turn. */
export interface Inbox {
  /** Resolves to true the first time a msgid is seen. `add` is stored in the same commit. */
  see(account: string, msgid: string, at: number, add?: readonly Delivery[]): Promise<boolean>
}

/** The work that workers claim, by kind: tasks of turns, jobs by queue, deliveries by route. */
export type WorkByKind = { readonly task: Turn } & Readonly<Record<JobQueue, Job>> & Readonly<Record<Route, Delivery>>

export type WorkKind = keyof WorkByKind

/** Identifies leased work. */
export interface WorkRef {
  readonly kind: WorkKind
  readonly id: string
}

/** Work that is due at `now`, at most `limit` of it, is leased until `untilMs` (both epoch ms). */
export interface Lease {
  readonly now: number
  readonly untilMs: number
  readonly limit: number
}

/** Identifies a message for WeCom's rate limits and its duplicate check, so that earlier sends can be counted. */
export interface QuotaKey {
  /** What the limits apply to: an account, or a group robot. */
  readonly scope: string
  readonly part: number
  /** Equal for equal messages to equal targets. */
  readonly digest: string
  /**
   * Each member has budgets of its own in this scope, such as the recipients of a message. Empty if nothing is limited.
   */
  readonly members: readonly string[]
  /** At most `most` messages in any window of this length. */
  readonly budgets: readonly { readonly windowMs: number; readonly most: number }[]
  /** How long WeCom treats an equal message as a duplicate. */
  readonly duplicateMs: number
}

/** The effect of earlier sends on the next message. */
export interface SendWindow {
  /** An equal message was just sent to the same target, as another part or delivery. */
  readonly isDuplicate: boolean
  /** When every budget has a free slot (epoch ms). Absent if all have one now. */
  readonly freeAt?: number
}

/**
 * The queue of outgoing work. The id of a turn's delivery is the turn's id, a colon and a part; that turn must be
 * stored.
 */
export interface Outbox {
  /**
   * Leases due work of these kinds, but only the first of each conversation's queue and of each lane. `change` is
   * committed with the claim and must be pure. Resolves to the work as stored after that commit.
   */
  claim<Kind extends WorkKind>(
    kinds: readonly Kind[],
    lease: Lease,
    change?: (work: WorkByKind[Kind]) => Change,
  ): Promise<readonly WorkByKind[Kind][]>
  /**
   * Commits the start of an attempt before its request leaves. The delivery must be leased by us. `step` must be pure.
   * If it returns a delivery in state `sending`, the message named by `sending` counts against its budgets from now on.
   */
  begin(
    delivery: Delivery,
    sending: QuotaKey | undefined,
    at: number,
    step: (window: SendWindow) => Delivery,
  ): Promise<Delivery>
  /**
   * Adds a delivery without a turn unless its id exists (`seen`). Resolves to the stored one. Rejects with `overloaded`
   * if `most` deliveries are waiting.
   */
  post(delivery: Delivery, most: number): Promise<{ delivery: Delivery; seen: boolean }>
  /** Adds and replaces deliveries and jobs in one commit; those that are done or queued release their lease. */
  write(change: Omit<Change, 'save'>): Promise<void>
  /** An app's queued deliveries that are not the first of their lane, at most `limit`. */
  behind(account: string, limit: number): Promise<readonly Delivery[]>
  /** The delivery that blocks this one: the first unfinished one of its lane. Undefined if it is first itself. */
  ahead(delivery: Delivery): Promise<Delivery | undefined>
  /** Queues an account's held deliveries again, due at `at`. Resolves to the number of them. */
  unhold(account: string, at: number): Promise<number>
  /** For each time in `since`, the largest number of messages that any member of the scope was sent after it. */
  peak(scope: string, since: readonly number[]): Promise<readonly number[]>
  /** Extends leases. Resolves to the work whose lease is still ours. */
  renew(work: readonly WorkRef[], until: number): Promise<readonly WorkRef[]>
  /** Gives up leases, so that the work can be claimed at once. */
  release(work: readonly WorkRef[]): Promise<void>
  /** When the first work of these kinds is due after `after`. */
  nextDueAt(kinds: readonly WorkKind[], after: number): Promise<number | undefined>
  ofTurn(turn: string): Promise<readonly Delivery[]>
  jobsOf(turn: string): Promise<readonly Job[]>
  /** Dead letters, the newest first. */
  dead(limit: number): Promise<readonly Delivery[]>
  find(id: string): Promise<Delivery | undefined>
  summary(): Promise<{ states: Readonly<Record<DeliveryState, number>>; dead: number; oldestAt?: number }>
}

/** An access token of one app. `expiresAt` is epoch ms, computed from WeCom's `expires_in`. */
export interface AccessToken {
  readonly value: string
  readonly expiresAt: number
}

/** Stored access tokens. `key` is derived from the app and its secret, and does not reveal the secret. */
export interface Tokens {
  load(key: string): Promise<AccessToken | undefined>
  save(key: string, token: AccessToken): Promise<void>
}

/** Small values that must survive a restart. */
export interface KeyValue {
  get(name: string): Promise<string | undefined>
  /** An empty text deletes the value. */
  set(name: string, text: string): Promise<void>
}

export interface SweepLimits {
  readonly now: number
  readonly contentBefore: number
  readonly rowBefore: number
}

export interface Store extends Turns, Inbox {
  /** Calls `listener` after each commit, before the writers' promises resolve. It must not throw. */
  onCommit(listener: (commit: Commit) => void): void
  readonly outbox: Outbox
  readonly tokens: Tokens
  readonly keyValue: KeyValue
  /**
   * Applies retention: erases the content of finished turns and deliveries older than `contentBefore`, and removes rows
   * older than `rowBefore`, records of messages sent over an hour ago, and tokens that expired over a day ago.
   */
  sweep(limits: SweepLimits): Promise<{ erased: number; removed: number }>
  /** Resolves if a durable write succeeds. */
  probe(): Promise<void>
  close(): Promise<void>
}

/** WeCom's API. Errors of WeCom and of the network are outcomes; they never reject. */
export interface Platform {
  postResponse(url: string, content: string): Promise<Outcome>
  /** Posts a template card to a response_url. WeCom accepts that in single chats only. */
  postCard(url: string, card: Card): Promise<Outcome>
  /**
   * Sends one message by the API for this kind of target. Media must be uploaded before, except a group robot's
   * picture. `unchecked` turns WeCom's duplicate check off.
   */
  send(account: string, to: Target, message: Message, options: { readonly unchecked: boolean }): Promise<Outcome>
  /** Replaces a card of the app for the member who clicked it. */
  updateCard(account: string, userid: string, responseCode: string, card: Card): Promise<Outcome>
  /** Uploads a file. Repeating it does no harm, so its outcome is never `unknown`. */
  upload(account: string, to: Target, message: MediaMessage): Promise<Upload>
  /** Fetches a user's media into the spool as `file`, decrypts them and checks that they are of the kind they claim. */
  fetchMedia(account: string, attachment: Attachment, file: string): Promise<Fetched>
  /** When the access token of an account's app expires (epoch ms). Undefined before its first use. */
  tokenExpiresAt(account: string): number | undefined
}

/** The result of fetching media. kept: it is in the spool · failed: it can't be fetched · later: retry. */
export type Fetched =
  | { readonly kind: 'kept'; readonly bytes: number; readonly mimeType: string; readonly fileName: string }
  | { readonly kind: 'failed'; readonly problem: MediaProblem; readonly fileName?: string; readonly hint?: string }
  | { readonly kind: 'later'; readonly retryAfterMs?: number; readonly hint?: string }

/** The uploaded file's id, or why the upload failed. */
export type Upload = { readonly mediaId: string } | Outcome
