import { createHash } from 'node:crypto'
import type { TurnFilter } from '../../domain/ports.ts'
import { type Turn, turnEnds, turnStates } from '../../domain/turn.ts'
import { WecomdError } from '../../errors.ts'
import type { BridgeContext } from '../context.ts'

const defaultLimit = 20
const mostTurns = 200
const shortChars = 6

/** One turn in `GET /api/turns`. Times are epoch ms, spans ms. It has ids in clear, never message text. */
export interface ListedTurn {
  readonly id: string
  /** What people see and type. */
  readonly short: string
  readonly account: string
  readonly surface: Turn['surface']
  readonly user: string
  /** The chat id of a group. */
  readonly chat: string | null
  readonly origin: Turn['origin']
  readonly state: Turn['state']
  readonly end: Turn['end'] | null
  /** Why it failed. */
  readonly cause: string | null
  readonly at: number
  readonly firstTextMs: number | null
  readonly tookMs: number | null
}

/** The query of `GET /api/turns`, as it was sent. */
export type TurnQuery = Readonly<Partial<Record<'limit' | 'state' | 'end' | 'user' | 'cursor', string>>>

/**
 * Lists turns, the newest first. A page looks at 20,000 turns at most, so with a filter it can have fewer than `limit`
 * turns and a cursor. Throws `bad_message` for a value that no turn can have.
 */
export async function listTurns(
  { store }: Pick<BridgeContext, 'store'>,
  query: TurnQuery,
): Promise<{ readonly turns: readonly ListedTurn[]; readonly cursor: string | null }> {
  const { turns, cursor } = await store.listTurns(filterOf(query), query.cursor)
  return { turns: turns.map(describeTurn), cursor: cursor ?? null }
}

function filterOf({ limit, state, end, user, cursor }: TurnQuery): TurnFilter {
  const most = limit === undefined ? defaultLimit : Number(limit)
  if (!Number.isInteger(most) || most < 1 || most > mostTurns)
    throw wrong('limit', `a whole number from 1 to ${mostTurns}`)
  if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) throw wrong('cursor', 'the cursor of an earlier answer')
  if (state !== undefined && !turnStates.some(one => one === state))
    throw wrong('state', `one of ${turnStates.join(', ')}`)
  if (end !== undefined && !turnEnds.some(one => one === end)) throw wrong('end', `one of ${turnEnds.join(', ')}`)
  return { limit: most, ...(state && { state }), ...(end && { end }), ...(user && { user }) }
}

function wrong(name: string, expected: string): WecomdError {
  return new WecomdError('bad_message', `${name} must be ${expected}`)
}

function describeTurn(turn: Turn): ListedTurn {
  const { id, account, surface, sender, conversation, origin, state, end, failure, receivedAt, endedAt, trace } = turn
  const firstText = trace.find(({ kind }) => kind === 'first_text')?.at
  return {
    id,
    short: shortIdOf(id),
    account,
    surface,
    user: sender,
    chat: conversation.kind === 'group' ? conversation.id : null,
    origin,
    state,
    end: end ?? null,
    cause: failure?.cause ?? null,
    at: receivedAt,
    firstTextMs: firstText === undefined ? null : firstText - receivedAt,
    tookMs: endedAt === undefined ? null : endedAt - receivedAt,
  }
}

/** The first hex digits of the SHA-256 of a turn's id. */
export function shortIdOf(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, shortChars)
}

/**
 * The ids that a person may mean: `last` is the newest turn; six hex digits are short ids; and any six characters or more
 * are the beginning of a msgid, turn id or delivery id.
 */
export async function meantIds(
  { store, accounts }: Pick<BridgeContext, 'store' | 'accounts'>,
  typed: string,
): Promise<readonly string[]> {
  if (typed === 'last') {
    const { turns } = await store.listTurns({ limit: 1 }, undefined)
    return turns.map(({ id }) => id)
  }
  if (typed.length < shortChars) return []
  const isShort = typed.length === shortChars && /^[0-9a-f]+$/.test(typed)
  const short = isShort ? (await store.newestTurnIds()).filter(id => shortIdOf(id) === typed) : []
  const prefixes = [typed, ...Array.from(accounts.keys(), account => `wecom:${account}:${typed}`)]
  const begun = (await Promise.all(prefixes.map(prefix => store.idsFrom(prefix)))).flat()
  return [...new Set([...short, ...begun])]
}
