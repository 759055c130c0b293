import { describe, expect, test } from 'bun:test'
import type { RunEnd } from '../../../src/domain/agent.ts'
import { advance, advanceThrough } from '../../../src/core/streaming/advance.ts'
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
  test('turn: a new message waits and its question is queued in its conversation', () => {
    const change = opened()
    expect(turnOf(change)).toMatchObject({ state: 'waiting', id: 'wecom:default:m1', handoverAt, windowEndAt })
    expect(turnOf(change)).toMatchObject({ task: 'ask', pending: { state: 'queued', dueAt: t0 } })
    expect(change.add).toEqual([])
  })

  test('turn: the window starts at create_time only when that is 0 to 60 s old', () => {
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

  test('turn: at a limit the message is refused with the busy sentence and nothing is queued', () => {
    for (const standing of [
      { ...alone, openTurns: 100 },
      { ...alone, sentLastMinute: 20 },
    ]) {
      const change = opened({}, standing)
      expect(turnOf(change)).toMatchObject({ state: 'ended', end: 'busy', closedWith: translate({ key: 'busy' }) })
      expect(change.add ?? []).toEqual([])
    }
  })

  test('turn: a message joins the waiting one of the same sender, takes its place, and the older bubble says so', () => {
    const waiting = { ...turnOf(opened()), order: 7, version: 1 }
    const change = opened({ msgid: 'm2', text: 'and this' }, { ...alone, waiting, nextOrder: 9 })
    expect(change.save).toMatchObject([
      { id: 'wecom:default:m2', text: 'hello\n\nand this', order: 7, state: 'waiting' },
      { id: 'wecom:default:m1', state: 'ended', end: 'merged', closedWith: translate({ key: 'merged' }) },
    ])
    expect(change.save.map(({ pending }) => pending)).toEqual([{ state: 'queued', dueAt: t0 }, undefined])
  })

  test('turn: the next message says that the one before has expired, once', () => {
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

test('turn: a message with nothing to read is not asked, and joins nothing', () => {
  const waiting = turnOf(opened({ msgid: 'm1' }))
  const change = opened({ text: ' \n', msgid: 'm2' }, { ...alone, waiting })
  expect(change).toMatchObject({
    save: [{ state: 'ended', end: 'empty', closedWith: translate({ key: 'blank' }) }],
    add: [],
  })
})

describe('the run', () => {
  test('turn: it is asked, streams, closes and is shown when the finish frame is served', () => {
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

  test('turn: every repeat of an event changes nothing', () => {
    const shown = after([claimed, asked, text('he'), answered('hello!'), served()])
    for (const event of [claimed, text('other'), answered('other'), served(), deadline(windowEndAt)]) {
      expect(advance(shown, event, translate)).toBeUndefined()
    }
    expect(advance(after([claimed, asked]), asked, translate)).toBeUndefined()
  })

  test('turn: every other end is a visible sentence, after what was said', () => {
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
  test('turn: a silent agent is handed over at the deadline and not before', () => {
    const silent = after([claimed, asked])
    expect(nextDeadline(silent)).toBe(handoverAt)
    expect(advance(silent, deadline(handoverAt - 1), translate)).toBeUndefined()
    expect(after([claimed, asked, deadline(handoverAt)])).toMatchObject({
      state: 'moved',
      closedWith: translate({ key: 'moved' }),
    })
  })

  test('turn: a talking agent is handed over with what there is, and its final becomes a delivery of the whole', () => {
    const moved = after([claimed, asked, text('so far'), deadline(handoverAt)])
    expect(moved.closedWith).toBe(`so far\n\n${translate({ key: 'moved' })}`)
    expect(nextDeadline(moved)).toBeUndefined()
    const change = advance(moved, answered('so far so good', handoverAt + 1), translate)
    expect(turnOf(change)).toMatchObject({ state: 'moved', end: 'answered' })
    expect(change?.add).toMatchObject([
      { route: 'response_url', body: { kind: 'markdown', content: 'so far so good' } },
    ])
  })

  test('turn: a final that is not fetched for 20 s, or until the window ends, goes another way and is not shown after that', () => {
    const closing = after([claimed, asked, answered('late', t0 + 2_000)])
    expect(nextDeadline(closing)).toBe(t0 + 22_000)
    expect(nextDeadline({ ...closing, endedAt: windowEndAt - 5_000 })).toBe(windowEndAt)
    const change = advance(closing, deadline(t0 + 22_000), translate)
    expect(turnOf(change)).toMatchObject({ state: 'moved', closedWith: translate({ key: 'moved_whole' }) })
    expect(change?.add).toMatchObject([{ body: { content: 'late' } }])
    expect(advance(turnOf(change), served(), translate)?.add ?? []).toEqual([])
  })

  test('turn: an unclaimed message hands its bubble over, expires with its last way home, and the next message says so', () => {
    const waiting = after([deadline(handoverAt)])
    expect(waiting).toMatchObject({ state: 'moved' })
    expect(nextDeadline(waiting)).toBe(t0 + 3_600_000)
    const change = advance(waiting, deadline(t0 + 3_600_000), translate)
    expect(turnOf(change)).toMatchObject({ state: 'ended', end: 'expired', unsaid: true })
    expect(turnOf(change).pending).toBeUndefined()
  })

  test('turn: without a response_url the last way home is the bubble', () => {
    const { responseUrl: _, ...bare } = inbound
    const turn = turnOf(opened(bare))
    const lost = advance(
      { ...turn, responseUrl: undefined as never, lastWayUntil: windowEndAt },
      deadline(handoverAt),
      translate,
    )
    expect(turnOf(lost).closedWith).toBe(translate({ key: 'moved_lost' }))
  })

  test('turn: a snapshot and the deadline in one change put the snapshot into the closing frame', () => {
    const change = advanceThrough(
      after([claimed, asked]),
      [text('newest', handoverAt), deadline(handoverAt)],
      translate,
    )
    expect(turnOf(change).closedWith).toBe(`newest\n\n${translate({ key: 'moved' })}`)
  })
})

describe('more than a bubble holds', () => {
  const long = `${'a'.repeat(30_000)}END`

  test('turn: the bubble finishes with the beginning and the rest is a delivery', () => {
    const change = advance(after([claimed, asked, answered(long)]), served(), translate)
    const turn = turnOf(change)
    const shown = turn.closedWith?.replace(`\n\n${translate({ key: 'continued' })}`, '') ?? ''
    expect(turn.state).toBe('moved')
    expect(Buffer.byteLength(turn.closedWith ?? '')).toBeLessThanOrEqual(20_480)
    expect(change?.add).toMatchObject([{ body: { kind: 'markdown', content: long.slice(shown.length) } }])
    expect(long.startsWith(shown)).toBe(true)
  })

  test('turn: what the closed bubble showed counts only when that frame was fetched', () => {
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

  test('turn: when the answer took back what the bubble showed, it is sent from its beginning', () => {
    const moved = after([claimed, asked, text('wrong start'), deadline(handoverAt), served(handoverAt + 1)])
    const change = advance(moved, answered(long, handoverAt + 9), translate)
    expect(JSON.stringify(change?.add?.[0]?.body)).toContain('"content":"aaaa')
  })

  test('turn: what fits no way becomes a dead delivery, and nothing is lost between the parts', () => {
    const huge = Array.from({ length: 9_000 }, (_, index) => `${index}`.padStart(6)).join('')
    const change = advance(after([claimed, asked, answered(huge)]), served(), translate)
    const shown = turnOf(change).closedWith?.split('\n\n')[0] ?? ''
    const parts = change?.add?.map(delivery => ('content' in delivery.body ? delivery.body.content : '')) ?? []
    expect(change?.add).toMatchObject([{ dead: false }, { dead: true, state: 'refused' }])
    expect(shown + parts[0]?.split('\n\n(')[0] + parts[1]).toBe(huge)
  })
})
