import { describe, expect, test } from 'bun:test'
import type { Turn } from '../../../src/domain/turn.ts'
import { streamFrame } from '../../../src/core/streaming/frame.ts'
import type { OpenSettings } from '../../../src/core/streaming/open.ts'
import { presentReasoning, splitReasoning } from '../../../src/core/text/reasoning.ts'
import { advance } from '../../../src/core/streaming/advance.ts'
import { alone, answered, asked, claimed, opened, translate, served, t0, text, turnOf } from '../streaming/turns.ts'

const said = '<think>\nfirst\nthen\n</think>\n\nThe answer.'
const animation = '<think></think>'

function turnAfter(events: Parameters<typeof advance>[1][], settings: Partial<OpenSettings> = {}): Turn {
  return events.reduce(
    (turn, event) => advance(turn, event, translate)?.save[0] ?? turn,
    turnOf(opened({}, alone, settings)),
  )
}

const shownBy = (turn: Turn, now: number) => streamFrame(turn, { now, placeholder: animation }, translate).content

describe('what is reasoning', () => {
  const table: readonly (readonly [name: string, text: string, reasoning: string, plain: string])[] = [
    ['none', 'no thoughts', '', 'no thoughts'],
    ['before the answer', said, 'first\nthen', 'The answer.'],
    ['that has not ended', '<think>still', 'still', ''],
    ['of nothing', '<think></think>\nx', '', 'x'],
    ['twice', '<think>a</think>b\n<think>c</think>\nd', 'a\n\nc', 'b\nd'],
    ['twice in a row', '<think>a</think>\n<think>b</think>\nd', 'a\n\nb', 'd'],
    ['twice in one line', '<think>a</think><think>b</think> d', 'a\n\nb', 'd'],
    ['after spaces', ' \n <think>a</think> b', 'a', 'b'],
  ]
  for (const [name, whole, reasoning, plain] of table) {
    test(`reasoning: ${name}`, () => expect(splitReasoning(whole)).toEqual({ reasoning, plain }))
  }

  for (const whole of ['write <think> like this', '```xml\n<think>a</think>\n```', '`<think>` begins it']) {
    test(`reasoning: a mention is none: ${JSON.stringify(whole)}`, () => {
      expect(splitReasoning(whole)).toEqual({ reasoning: '', plain: whole })
    })
  }

  test('reasoning: a text full of beginnings is read in no time', () => {
    expect(splitReasoning('<think>\n'.repeat(20_000)).plain).toBe('')
    expect(splitReasoning('<think>a</think>\n'.repeat(20_000)).reasoning).toMatch(/^a\n\na/)
  })
})

test('reasoning: it is hidden, folded or quoted, and never so long that the answer has no room', () => {
  expect(presentReasoning('a\nb', 'hide')).toBe('')
  expect(presentReasoning('a\nb', 'fold')).toBe('<think>a\nb</think>')
  expect(presentReasoning('a\nb', 'show')).toBe('> a\n> b')
  expect(presentReasoning('', 'show')).toBe('')
  const long = presentReasoning('思'.repeat(20_000), 'fold')
  expect(Buffer.byteLength(long)).toBeLessThan(4_200)
  expect(long.endsWith('…</think>')).toBe(true)
})

describe('reasoning in a bubble', () => {
  const growing = [claimed, asked, text('<think>first')]

  test('reasoning: while only it grows the block stands alone, then with the elapsed line', () => {
    const turn = turnAfter(growing)
    expect(shownBy(turn, t0 + 2_000)).toBe('<think>first</think>')
    expect(shownBy(turn, t0 + 6_000)).toMatch(/^<think>first<\/think>\n\n6 s · /)
  })

  test('reasoning: a tag that comes in pieces is never seen as such', () => {
    const whole = '<think>secret</think>\nThe answer, a < b'
    for (let length = 1; length < whole.length; length++) {
      const turn = turnAfter([claimed, asked, text(whole.slice(0, length))], { thoughts: 'hide' })
      const shown = shownBy(turn, t0 + 2_000)
      expect('The answer, a < b'.startsWith(shown.trim()) || shown === animation).toBe(true)
    }
  })

  test('reasoning: hidden, the bubble is as silent as without it', () => {
    const turn = turnAfter(growing, { thoughts: 'hide' })
    expect(shownBy(turn, t0 + 2_000)).toBe(animation)
    expect(shownBy(turn, t0 + 6_000)).toMatch(/^6 s · /)
  })

  test('reasoning: the last frame has the block before the answer, and the answer counts as shown whole', () => {
    const turn = turnAfter([claimed, asked, answered(said), served()])
    expect(turn).toMatchObject({ state: 'shown', answer: 'The answer.' })
    expect(shownBy(turn, t0 + 4_000)).toBe('<think>first\nthen</think>\n\nThe answer.')
  })

  test('reasoning: an answer of nothing else is an empty one', () => {
    expect(turnAfter([claimed, asked, answered('<think>hm</think>\n')])).toMatchObject({ end: 'empty' })
  })

  test('reasoning: it goes no other way', () => {
    const dm = { format: 'text', deliverWithinMs: 1_000_000 } as const
    const turn = turnAfter([claimed, asked, { kind: 'deadline', at: t0 + 330_000 }], { dm })
    const change = advance(turn, answered(said, t0 + 400_000), translate)
    expect(change?.add?.[0]?.body).toMatchObject({ messages: [{ kind: 'text', content: 'The answer.' }] })
  })

  test('reasoning: of a failed run only what was said besides it stays', () => {
    const end = { kind: 'failed', reason: 'error', text: '<think>hm</think>\nhalf' } as const
    const turn = turnAfter([claimed, asked, { kind: 'run_ended', at: t0 + 9_000, end, chunks: 1 }])
    expect(turn.answer).toMatch(/^half\n\n⚠️/)
  })
})
