import type { Delivery } from '../../src/domain/delivery.ts'
import type { Job } from '../../src/domain/job.ts'
import type { Change, SenderLoad, Store, TurnKey, WorkKind, WorkRef } from '../../src/domain/ports.ts'
import type { Turn } from '../../src/domain/turn.ts'

export const minute = 60_000
export const day = 86_400_000
/** The lease of claims in these tests. */
export const leaseMs = 30_000
/** When the turns of these tests are received, unless set otherwise. */
export const t0 = 1_760_000_000_000

/** A waiting turn of `zhangsan` in the single chat with the Bot, without a pending task. */
export function turnOf(msgid: string, more: Partial<Turn> = {}): Turn {
  const account = more.account ?? 'default'
  const sender = more.sender ?? 'zhangsan'
  const receivedAt = more.receivedAt ?? t0
  return {
    id: `wecom:${account}:${msgid}`,
    account,
    surface: 'bot',
    origin: 'message',
    conversation: { account, kind: 'direct', id: sender },
    sender,
    msgid,
    streamId: `st_${account}_${msgid}`,
    agentId: 'main',
    sessionKey: `agent:main:wecom:${account}:direct:${sender.toLowerCase()}`,
    state: 'waiting',
    text: `text of ${msgid}`,
    task: 'ask',
    thoughts: 'fold',
    answer: '',
    shownBytes: 0,
    receivedAt,
    handoverAt: receivedAt + 5 * minute,
    windowEndAt: receivedAt + 6 * minute,
    lastWayUntil: receivedAt + 60 * minute,
    trace: [{ at: receivedAt, kind: 'received' }],
    order: 1,
    version: 0,
    ...more,
  }
}

/** A waiting turn whose question is queued, due as soon as the turn was received. */
export function askedTurn(msgid: string, more: Partial<Turn> = {}): Turn {
  return turnOf(msgid, { pending: { state: 'queued', dueAt: more.receivedAt ?? t0 }, ...more })
}

/** The fields of a finished turn: answered and shown. */
export function shownAt(endedAt: number) {
  return { state: 'shown', end: 'answered', endedAt, question: 'q', answer: 'a', closedWith: 'a' } as const
}

/** The id of a turn's delivery or job: `<turn>:<part>`. */
export function part(turn: Turn, name: string): string {
  return `${turn.id}:${name}`
}

/** A delivery of a turn's answer by its response_url. */
export function replyOf(turn: Turn, more: Partial<Delivery> = {}): Delivery {
  return {
    id: part(turn, 'response_url'),
    turn: turn.id,
    account: turn.account,
    route: 'response_url',
    state: 'queued',
    dead: false,
    body: { kind: 'markdown', url: 'https://example.com/response', content: 'the answer' },
    lane: `${turn.id}:home`,
    order: 1,
    dueAt: turn.receivedAt,
    expiresAt: turn.lastWayUntil,
    attempts: [],
    createdAt: turn.receivedAt,
    ...more,
  }
}

/** A job that fetches a picture of a turn, due as soon as the turn was received. */
export function jobOf(turn: Turn, more: Partial<Job> = {}): Job {
  return {
    id: part(turn, 'media'),
    turn: turn.id,
    account: turn.account,
    queue: 'media',
    body: { kind: 'fetch', attachment: { kind: 'image', mediaId: 'm' }, file: 'f' },
    state: 'queued',
    dueAt: turn.receivedAt,
    expiresAt: turn.lastWayUntil,
    createdAt: turn.receivedAt,
    ...more,
  }
}

/** A message to zhangsan by the app, without a turn. */
export function sendOf(id: string, more: Partial<Delivery> = {}): Delivery {
  const to = { kind: 'user', ids: ['zhangsan'] } as const
  return {
    id,
    account: 'default',
    route: 'app',
    state: 'queued',
    dead: false,
    body: { kind: 'messages', to, messages: [{ kind: 'text', content: `text of ${id}` }] },
    lane: `lane of ${id}`,
    order: 1,
    dueAt: t0,
    expiresAt: t0 + day,
    attempts: [],
    createdAt: t0,
    digest: `digest of ${id}`,
    ...more,
  }
}

export function keyOf({ id, account, conversation, sender, receivedAt }: Turn): TurnKey {
  return { id, account, conversation, sender, receivedAt }
}

/** References to work of one kind, for leases. */
export function refsOf(kind: WorkKind, ids: readonly string[]): readonly WorkRef[] {
  return ids.map(id => ({ kind, id }))
}

/** Opens `turn` and adds `add` in one commit. Resolves to the stored turn. */
export async function openAs(store: Store, turn: Turn, add: readonly (Delivery | Job)[] = []): Promise<Turn> {
  return (await store.open(keyOf(turn), () => ({ save: [turn], add }))).turn
}

/** Writes a change that doesn't change `turn` itself. */
export async function write(store: Store, turn: Turn, change: Omit<Change, 'save'>): Promise<void> {
  await store.update(turn.id, () => ({ save: [], ...change }))
}

/** Sets fields of a stored turn. */
export async function amend(store: Store, id: string, more: Partial<Turn>): Promise<Turn | undefined> {
  return await store.update(id, stored => ({ save: [{ ...stored, ...more }] }))
}

/** The load that a new message like `turn` would find. Opens nothing. */
export async function loadFor(store: Store, turn: Turn): Promise<SenderLoad> {
  let found: SenderLoad | undefined
  const look = store.open(keyOf(turn), load => {
    found = load
    throw new Error('only looking')
  })
  await look.catch(() => 'expected')
  if (found === undefined) throw new Error(`${turn.id} exists already`)
  return found
}
