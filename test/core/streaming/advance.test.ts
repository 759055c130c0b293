import { describe, expect, test } from 'bun:test'
import type { RunEnd } from '../../../src/domain/agent.ts'
import { advance, advanceAll } from '../../../src/core/streaming/advance.ts'
import { nextDeadline } from '../../../src/core/streaming/deadlines.ts'
import {
  after,
  alone,
  answered,
  asked,
  claimed,
  deadline,
  inbound,
  opened,
  translate,
  served,
  t0,
  text,
  turnOf,
} from './turns.ts'

const handoverAt = t0 + 330_000
const windowEndAt = t0 + 360_000

describe('opening', () => {
  test('turn: a new message waits in the queue of its conversation', () => {
    const change = opened()
    expect(turnOf(change)).toMatchObject({ state: 'waiting', id: 'wecom:default:m1', handoverAt, windowEndAt })
    expect(turnOf(change)).toMatchObject({ task: 'ask', pending: { state: 'queued', dueAt: t0 } })
    expect(change.add).toEqual([])
  })

  test('turn: the window starts at a create_time that is 0 to 60 s old', () => {
    const start = (createdAt?: number) =>
      turnOf(opened(createdAt === undefined ? {} : { createdAt })).windowEndAt - 360_000
    expect([start(), start(t0 - 1_000), start(t0 - 60_000), start(t0 - 60_001), start(t0 + 1)]).toEqual([
      t0,
      t0 - 1_000,
      t0 - 60_000,
      t0,
      t0,
    ])
  })

  test('turn: over a limit a message ends busy, and is not queued', () => {
    for (const load of [
      { ...alone, openTurns: 100 },
      { ...alone, sentLastMinute: 20 },
    ]) {
      const change = opened({}, load)
      expect(turnOf(change)).toMatchObject({ state: 'ended', end: 'busy', closedWith: translate({ key: 'busy' }) })
      expect(change.add ?? []).toEqual([])
    }
  })

  test('turn: a message joins the sender’s waiting one and keeps its place', () => {
    const waiting = { ...turnOf(opened()), order: 7, version: 1 }
    const change = opened({ msgid: 'm2', text: 'and this' }, { ...alone, waiting, nextOrder: 9 })
    expect(change.save).toMatchObject([
      { id: 'wecom:default:m2', text: 'hello\n\nand this', order: 7, state: 'waiting' },
      { id: 'wecom:default:m1', state: 'ended', end: 'merged', closedWith: translate({ key: 'merged' }) },
    ])
    expect(change.save.map(({ pending }) => pending)).toEqual([{ state: 'queued', dueAt: t0 }, undefined])
  })

  test('turn: the next answer shows once that the previous message expired', () => {
    const unsaid = {
      ...turnOf(opened({ msgid: 'm0' })),
      state: 'ended' as const,
      end: 'expired' as const,
      unsaid: true,
      version: 3,
    }
    const change = opened({}, { ...alone, unsaid })
    expect(turnOf(change).preface).toBe(translate({ key: 'expired_before' }))
    expect(change.save[1]).not.toHaveProperty('unsaid')
  })
})

test('turn: an empty message is not asked, and does not join another', () => {
  const waiting = turnOf(opened({ msgid: 'm1' }))
  const change = opened({ text: ' \n', msgid: 'm2' }, { ...alone, waiting })
  expect(change).toMatchObject({
    save: [{ state: 'ended', end: 'empty', closedWith: translate({ key: 'blank' }) }],
    add: [],
  })
})

test.each(['', '\u200b\u2060', '\u2800', '\u3164\ufe0f', '\u{e0020}'])(
  'turn: nothing is seen of %j, so it is not asked',
  text => {
    expect(turnOf(opened({ text }))).toMatchObject({ end: 'empty', closedWith: translate({ key: 'blank' }) })
  },
)

test('turn: a message of an unknown kind ends with a notice, by the app once per kind and day', () => {
  const unknown = translate({ key: 'unknown_kind' })
  expect(turnOf(opened({ text: '', unknownKind: 'sticker' }))).toMatchObject({ end: 'empty', closedWith: unknown })
  const idOf = (unknownKind: string, receivedAt: number) => {
    const message = { text: '', unknownKind, receivedAt, surface: 'app', origin: 'app' } as const
    return opened(message, alone, { dm: { format: 'text', deliverWithinMs: 60_000 } }).add?.map(({ id }) => id)
  }
  const day = 86_400_000
  const midnight = Math.ceil(t0 / day) * day
  expect(idOf('sticker', midnight)).toHaveLength(1)
  expect(idOf('sticker', midnight + day - 1)).toEqual(idOf('sticker', midnight))
  expect(idOf('sticker', midnight + day)).not.toEqual(idOf('sticker', midnight))
  expect(idOf('chat_record', midnight)).not.toEqual(idOf('sticker', midnight))
})

describe('the run', () => {
  test('turn: it is shown when its finish frame is fetched', () => {
    expect(after([claimed]).state).toBe('asking')
    expect(after([claimed, asked, text('he')])).toMatchObject({ state: 'streaming', answer: 'he' })
    expect(after([claimed, asked, text('he'), answered('hello!')])).toMatchObject({ state: 'closing', end: 'answered' })
    const shown = after([claimed, asked, text('he'), answered('hello!'), served()])
    expect(shown).toMatchObject({ state: 'shown', end: 'answered', closedWith: 'hello!' })
    expect(shown.trace.map(event => event.kind)).toEqual([
      'received',
      'policy',
      'routed',
      'asked',
      'first_text',
      'chunks',
      'final',
      'frame_finished',
      'ended',
    ])
  })

  test('turn: a repeated event changes nothing', () => {
    const shown = after([claimed, asked, text('he'), answered('hello!'), served()])
    for (const event of [claimed, text('other'), answered('other'), served(), deadline(windowEndAt)]) {
      expect(advance(shown, event, translate)).toBeUndefined()
    }
    expect(advance(after([claimed, asked]), asked, translate)).toBeUndefined()
  })

  test('turn: every other end shows a notice, after the text so far', () => {
    const ends: [RunEnd, string, string][] = [
      [{ kind: 'empty' }, 'empty', translate({ key: 'empty' })],
      [{ kind: 'answered', text: ' \u200b\n' }, 'empty', translate({ key: 'empty' })],
      [{ kind: 'expired' }, 'expired', translate({ key: 'expired' })],
      [{ kind: 'failed', reason: 'error', text: '' }, 'failed', `part\n\n${translate({ key: 'failed' })}`],
      [{ kind: 'failed', reason: 'lost', text: '' }, 'failed', `part\n\n${translate({ key: 'lost' })}`],
      [{ kind: 'stopped', text: 'part of it' }, 'stopped', `part of it\n\n${translate({ key: 'stopped' })}`],
    ]
    for (const [end, name, answer] of ends) {
      const turn = after([claimed, asked, text('part'), { kind: 'run_ended', at: t0 + 5_000, end, chunks: 1 }])
      expect(turn).toMatchObject({ state: 'closing', end: name, answer })
    }
  })
})

describe('deadlines', () => {
  test('turn: a bubble without text hands over at the deadline, not before', () => {
    const silent = after([claimed, asked])
    expect(nextDeadline(silent)).toBe(handoverAt)
    expect(advance(silent, deadline(handoverAt - 1), translate)).toBeUndefined()
    expect(after([claimed, asked, deadline(handoverAt)])).toMatchObject({
      state: 'moved',
      closedWith: translate({ key: 'moved' }),
    })
  })

  test('turn: a handover shows the text so far; the whole answer follows', () => {
    const moved = after([claimed, asked, text('so far'), deadline(handoverAt)])
    expect(moved.closedWith).toBe(`so far\n\n${translate({ key: 'moved' })}`)
    expect(nextDeadline(moved)).toBeUndefined()
    const change = advance(moved, answered('so far so good', handoverAt + 1), translate)
    expect(turnOf(change)).toMatchObject({ state: 'moved', end: 'answered' })
    expect(change?.add).toMatchObject([
      { route: 'response_url', body: { kind: 'markdown', content: 'so far so good' } },
    ])
  })

  test('turn: an answer not fetched for 20 s takes another route, only once', () => {
    const closing = after([claimed, asked, answered('late', t0 + 2_000)])
    expect(nextDeadline(closing)).toBe(t0 + 22_000)
    expect(nextDeadline({ ...closing, endedAt: windowEndAt - 5_000 })).toBe(windowEndAt)
    const change = advance(closing, deadline(t0 + 22_000), translate)
    expect(turnOf(change)).toMatchObject({ state: 'moved', closedWith: translate({ key: 'moved_whole' }) })
    expect(change?.add).toMatchObject([{ body: { content: 'late' } }])
    expect(advance(turnOf(change), served(), translate)?.add ?? []).toEqual([])
  })

  test('turn: a waiting message expires when its last route does', () => {
    const waiting = after([deadline(handoverAt)])
    expect(waiting).toMatchObject({ state: 'moved' })
    expect(nextDeadline(waiting)).toBe(t0 + 3_600_000)
    const change = advance(waiting, deadline(t0 + 3_600_000), translate)
    expect(turnOf(change)).toMatchObject({ state: 'ended', end: 'expired', unsaid: true })
    expect(turnOf(change).pending).toBeUndefined()
  })

  test('turn: without a response_url the bubble is the last route', () => {
    const { responseUrl: _, ...bare } = inbound
    const turn = turnOf(opened(bare))
    const lost = advance(
      { ...turn, responseUrl: undefined as never, lastWayUntil: windowEndAt },
      deadline(handoverAt),
      translate,
    )
    expect(turnOf(lost).closedWith).toBe(translate({ key: 'moved_lost' }))
  })

  test('turn: a snapshot at the deadline is in the handover frame', () => {
    const change = advanceAll(after([claimed, asked]), [text('newest', handoverAt), deadline(handoverAt)], translate)
    expect(turnOf(change).closedWith).toBe(`newest\n\n${translate({ key: 'moved' })}`)
  })
})

describe('more than a bubble holds', () => {
  const long = `${'a'.repeat(30_000)}END`

  test('turn: a long answer starts in the bubble, and the rest is delivered', () => {
    const change = advance(after([claimed, asked, answered(long)]), served(), translate)
    const turn = turnOf(change)
    const shown = turn.closedWith?.replace(`\n\n${translate({ key: 'continued' })}`, '') ?? ''
    expect(turn.state).toBe('moved')
    expect(Buffer.byteLength(turn.closedWith ?? '')).toBeLessThanOrEqual(20_480)
    expect(change?.add).toMatchObject([{ body: { kind: 'markdown', content: long.slice(shown.length) } }])
    expect(long.startsWith(shown)).toBe(true)
  })

  test('turn: text of a handover frame counts as shown once it is fetched', () => {
    const moved = after([claimed, asked, text('a'.repeat(15_000)), deadline(handoverAt)])
    const unseen = advance(moved, answered(long, handoverAt + 9), translate)
    const seen = advance(
      turnOf(advance(moved, served(handoverAt + 1), translate)),
      answered(long, handoverAt + 9),
      translate,
    )
    expect(unseen?.add).toHaveLength(2)
    expect(seen?.add).toMatchObject([{ body: { content: long.slice(15_000) } }])
  })

  test('turn: an answer that differs from the handed-over text is sent whole', () => {
    const moved = after([claimed, asked, text('wrong start'), deadline(handoverAt), served(handoverAt + 1)])
    const change = advance(moved, answered(long, handoverAt + 9), translate)
    expect(JSON.stringify(change?.add?.[0]?.body)).toContain('"content":"aaaa')
  })

  test('turn: text that fits no route is a dead letter, and no byte is lost', () => {
    const huge = Array.from({ length: 9_000 }, (_, index) => `${index}`.padStart(6)).join('')
    const change = advance(after([claimed, asked, answered(huge)]), served(), translate)
    const shown = turnOf(change).closedWith?.split('\n\n')[0] ?? ''
    const parts = change?.add?.map(delivery => ('content' in delivery.body ? delivery.body.content : '')) ?? []
    expect(change?.add).toMatchObject([{ dead: false }, { dead: true, state: 'refused' }])
    expect(shown + parts[0]?.split('\n\n(')[0] + parts[1]).toBe(huge)
  })
})
