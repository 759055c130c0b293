import type { Delivery } from '../../src/domain/delivery.ts'
import type { Job } from '../../src/domain/job.ts'
import type { Change, SenderLoad, Store, TurnKey, WorkKind, WorkRef } from '../../src/domain/ports.ts'
import type { Turn } from '../../src/domain/turn.ts'

export const minute = 60_000
export const day = 86_400_000
/** How long the claims of these tests last. */
export const leaseMs = 30_000
/** When the turns of these tests are received, unless they say otherwise. */
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

/** What makes a turn finished: answered and shown. */
export function shownAt(endedAt: number) {
  return { state: 'shown', end: 'answered', endedAt, question: 'q', answer: 'a', closedWith: 'a' } as const
}

/** The id of a turn's delivery: deliveries are found through their turn. */
export function part(turn: Turn, name: string): string {
  return `${turn.id}:${name}`
}

/** A delivery that brings a turn's answer to its response_url. */
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

/** A message of the app to zhangsan that belongs to no turn. */
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

/** Names work of one kind for its leases. */
export function refsOf(kind: WorkKind, ids: readonly string[]): readonly WorkRef[] {
  return ids.map(id => ({ kind, id }))
}

/** Opens `turn` together with `add`; resolves to the turn as it is stored. */
export async function openAs(store: Store, turn: Turn, add: readonly (Delivery | Job)[] = []): Promise<Turn> {
  return (await store.open(keyOf(turn), () => ({ save: [turn], add }))).turn
}

/** Writes a change that has nothing to do with a step of `turn`. */
export async function write(store: Store, turn: Turn, change: Omit<Change, 'save'>): Promise<void> {
  await store.update(turn.id, () => ({ save: [], ...change }))
}

/** Gives a stored turn new fields. */
export async function amend(store: Store, id: string, more: Partial<Turn>): Promise<Turn | undefined> {
  return await store.update(id, stored => ({ save: [{ ...stored, ...more }] }))
}

/** What a new message like `turn` would find; nothing is opened. */
export async function standingFor(store: Store, turn: Turn): Promise<SenderLoad> {
  let found: SenderLoad | undefined
  const look = store.open(keyOf(turn), standing => {
    found = standing
    throw new Error('only looking')
  })
  await look.catch(() => 'that is how it ends')
  if (found === undefined) throw new Error(`${turn.id} is known already`)
  return found
}
