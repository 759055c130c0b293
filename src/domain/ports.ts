import type { Delivery, DeliveryState, MediaMessage, Message, Outcome, Route } from './delivery.ts'
import type { Job, JobQueue } from './job.ts'
import type { Attachment, Card, Conversation, MediaProblem } from './message.ts'
import type { Target } from './target.ts'
import type { Turn, TurnState } from './turn.ts'

/** What the store knows that decides how a new message is opened. */
export interface SenderLoad {
  readonly openTurns: number
  /** Messages of this sender in this account during the last minute. */
  readonly sentLastMinute: number
  /** The sender's unclaimed turn in this conversation, which a new message joins. */
  readonly waiting?: Turn
  /** The sender's newest turn in this account that ended without the sender having been told. */
  readonly unsaid?: Turn
  /** The next free place in the queue, for the turn that is being opened; its stream id names it. */
  readonly nextOrder: number
  /** The turns of this conversation with a pending task, in order; read when it is called. */
  inLane(): readonly Turn[]
}

/**
 * What one commit writes. Saved turns are compared by version; one whose task is not `claimed` gives its lease back. `add`
 * ignores rows that exist already; `settle` replaces rows that exist, and done or queued ones give their lease back.
 */
export interface Change {
  readonly save: readonly Turn[]
  readonly add?: readonly (Delivery | Job)[]
  readonly settle?: readonly (Delivery | Job)[]
}

/** A turn as a commit changed it; a new one has no `before`. */
export interface TurnChange {
  readonly before?: Turn
  readonly after: Turn
}

/** What one batch has put on disk, in the order of its writes; a row that was written twice is listed twice. */
export interface Commit {
  readonly turns: readonly TurnChange[]
  readonly deliveries: readonly Delivery[]
  readonly jobs: readonly Job[]
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
  readonly conversation: Conversation
  readonly sender: string
  readonly receivedAt: number
}

/** Turns and their deliveries. Every call is one durable transaction: when it resolves, it is on disk. */
export interface Turns {
  /** Opens a turn unless one with this id exists; either way resolves to the stored turn. `open` must be pure: it may run again. */
  open(key: TurnKey, open: (standing: SenderLoad) => Change): Promise<{ turn: Turn; seen: boolean }>
  find(id: string): Promise<Turn | undefined>
  findByStream(streamId: string): Promise<Turn | undefined>
  /** Reads, steps, saves; a lost race reads and steps again. `step` must be pure; undefined saves nothing. */
  update(id: string, step: (turn: Turn) => Change | undefined): Promise<Turn | undefined>
  /** Turns whose own deadline has come. */
  due(now: number, limit: number): Promise<readonly Turn[]>
  nextDueAt(): Promise<number | undefined>
  counts(): Promise<TurnCounts>
}

/** Events of the platform that are not turns: true the first time a msgid is seen, and then `add` is stored with it. */
export interface Inbox {
  see(account: string, msgid: string, at: number, add?: readonly Delivery[]): Promise<boolean>
}

/** What workers claim, by kind: tasks of turns, jobs by their queue, deliveries by their route. */
export type WorkByKind = { readonly task: Turn } & Readonly<Record<JobQueue, Job>> & Readonly<Record<Route, Delivery>>

export type WorkKind = keyof WorkByKind

/** Names a piece of work for its lease. */
export interface WorkRef {
  readonly kind: WorkKind
  readonly id: string
}

export interface Lease {
  readonly now: number
  readonly untilMs: number
  readonly limit: number
}

/** A message that is about to leave: what the platform would call a duplicate of it, and whose budgets it uses. */
export interface QuotaKey {
  /** Whose budgets and whose duplicates: an account, or a robot. */
  readonly scope: string
  readonly part: number
  /** Equal for equal messages to equal targets. */
  readonly digest: string
  /** Each has a budget of its own in this scope, such as the members that a message goes to; empty for none. */
  readonly members: readonly string[]
  readonly budgets: readonly { readonly windowMs: number; readonly most: number }[]
  /** How long an equal message is a duplicate. */
  readonly duplicateMs: number
}

/** What earlier sends say about a message that is about to leave. */
export interface SendWindow {
  /** An equal message has just gone to the same target, as another part or delivery. */
  readonly isDuplicate: boolean
  /** When every budget has room again; absent when all have now. */
  readonly freeAt?: number
}

/** Deliveries of a turn are found through it: their id is the turn's, a colon and a part, and the turn must be stored. */
export interface Outbox {
  /**
   * Leases due work of these kinds: of tasks the head of each conversation's queue, of deliveries the head of each lane.
   * `change` is committed with the claim and must be pure; what is returned is as it is stored then.
   */
  claim<Kind extends WorkKind>(
    kinds: readonly Kind[],
    lease: Lease,
    change?: (work: WorkByKind[Kind]) => Change,
  ): Promise<readonly WorkByKind[Kind][]>
  /**
   * Commits what a try makes of a delivery under our lease, before its request leaves. With a `sending` that comes out
   * as `sending`, the message counts as sent from now on. `step` must be pure.
   */
  begin(
    delivery: Delivery,
    sending: QuotaKey | undefined,
    at: number,
    step: (standing: SendWindow) => Delivery,
  ): Promise<Delivery>
  /** Adds a delivery without a turn unless its id is known; either way resolves to the stored one. Refused with `overloaded` when `most` wait already. */
  post(delivery: Delivery, most: number): Promise<{ delivery: Delivery; seen: boolean }>
  /** Adds and replaces deliveries in one commit; done and queued ones give their lease back. */
  write(change: Omit<Change, 'save'>): Promise<void>
  /** Queued deliveries of an account to its app that stand behind others of their lanes, at most `limit`. */
  behind(account: string, limit: number): Promise<readonly Delivery[]>
  /** The first of a delivery's lane that is not done, when that is another one. */
  ahead(delivery: Delivery): Promise<Delivery | undefined>
  /** Held deliveries of an account are queued again and due at `at`; resolves to how many. */
  unhold(account: string, at: number): Promise<number>
  /** The most that any member of a scope was sent after each of `since`. */
  peak(scope: string, since: readonly number[]): Promise<readonly number[]>
  /** Keeps leases; resolves to the work that is still ours. */
  renew(work: readonly WorkRef[], until: number): Promise<readonly WorkRef[]>
  /** Gives leases back so that anyone may claim the work at once. */
  release(work: readonly WorkRef[]): Promise<void>
  /** The earliest work of these kinds that is due after `after`. */
  nextDueAt(kinds: readonly WorkKind[], after: number): Promise<number | undefined>
  ofTurn(turn: string): Promise<readonly Delivery[]>
  jobsOf(turn: string): Promise<readonly Job[]>
  /** Deliveries that gave up, the newest first. */
  dead(limit: number): Promise<readonly Delivery[]>
  find(id: string): Promise<Delivery | undefined>
  summary(): Promise<{ states: Readonly<Record<DeliveryState, number>>; dead: number; oldestAt?: number }>
}

/** An access token of one app; `expiresAt` is epoch ms by the platform's word. */
export interface AccessToken {
  readonly value: string
  readonly expiresAt: number
}

/** Access tokens by a key that names the app and its secret without telling it. */
export interface Tokens {
  load(key: string): Promise<AccessToken | undefined>
  save(key: string, token: AccessToken): Promise<void>
}

/** Small facts that must outlive a restart, by name. */
export interface KeyValue {
  get(name: string): Promise<string | undefined>
  /** An empty text forgets it. */
  set(name: string, text: string): Promise<void>
}

export interface SweepLimits {
  readonly now: number
  readonly contentBefore: number
  readonly rowBefore: number
}

export interface Store extends Turns, Inbox {
  /** Calls `listener` after each commit that wrote turns or deliveries, before the writers resume. It must not throw. */
  onCommit(listener: (commit: Commit) => void): void
  readonly outbox: Outbox
  readonly tokens: Tokens
  readonly keyValue: KeyValue
  /**
   * Erases contents of finished turns and deliveries older than `contentBefore`, removes rows older than `rowBefore`,
   * what was sent more than an hour ago and tokens that expired more than a day ago.
   */
  sweep(limits: SweepLimits): Promise<{ erased: number; removed: number }>
  /** Resolves when a durable write works. */
  probe(): Promise<void>
  close(): Promise<void>
}

/** The ways to WeCom that need no callback to answer. None of them rejects for what the platform or the network does. */
export interface Platform {
  postResponse(url: string, content: string): Promise<Outcome>
  /** A template card to a response_url; single chats only. */
  postCard(url: string, card: Card): Promise<Outcome>
  /** One message by the way that the target's kind has; media must be uploaded, except a picture for a group robot. */
  send(account: string, to: Target, message: Message, options: { readonly unchecked: boolean }): Promise<Outcome>
  /** Changes a card of the app for the member who clicked it. */
  updateCard(account: string, userid: string, responseCode: string, card: Card): Promise<Outcome>
  /** Free to repeat: never `unknown`. */
  upload(account: string, to: Target, message: MediaMessage): Promise<Upload>
  /** Fetches media of a user into the spool as `file`, decrypted and checked to be what it says. */
  fetchMedia(account: string, attachment: Attachment, file: string): Promise<Fetched>
  /** When the access token of an account's app expires; undefined before its first use. */
  tokenExpiresAt(account: string): number | undefined
}

/** What became of fetching media: kept in the spool, not to be had, or to be tried again. */
export type Fetched =
  | { readonly kind: 'kept'; readonly bytes: number; readonly mimeType: string; readonly fileName: string }
  /** `fileName`: as far as it is known. */
  | { readonly kind: 'failed'; readonly problem: MediaProblem; readonly fileName?: string; readonly hint?: string }
  | { readonly kind: 'later'; readonly retryAfterMs?: number; readonly hint?: string }

/** `uploaded`, or why not. */
export type Upload = { readonly mediaId: string } | Outcome
