import { describe, expect, test } from 'bun:test'
import type { Turn } from '../../../src/domain/turn.ts'
import { streamFrame } from '../../../src/core/streaming/frame.ts'
import type { OpenSettings } from '../../../src/core/streaming/open.ts'
import { presentReasoning, splitReasoning } from '../../../src/core/text/reasoning.ts'
import { advance } from '../../../src/core/streaming/advance.ts'
import { alone, answered, asked, claimed, opened, translate, served, t0, text, turnOf } from '../streaming/turns.ts'

const withThoughts = '<think>\nfirst\nthen\n</think>\n\nThe answer.'
const animation = '<think></think>'

function turnAfter(events: Parameters<typeof advance>[1][], settings: Partial<OpenSettings> = {}): Turn {
  return events.reduce(
    (turn, event) => advance(turn, event, translate)?.save[0] ?? turn,
    turnOf(opened({}, alone, settings)),
  )
}

const shownBy = (turn: Turn, now: number) => streamFrame(turn, { now, placeholder: animation }, translate).content

describe('finding reasoning', () => {
  const table: readonly (readonly [name: string, text: string, reasoning: string, plain: string])[] = [
    ['none', 'no thoughts', '', 'no thoughts'],
    ['before the answer', withThoughts, 'first\nthen', 'The answer.'],
    ['not closed yet', '<think>still', 'still', ''],
    ['empty', '<think></think>\nx', '', 'x'],
    ['two blocks', '<think>a</think>b\n<think>c</think>\nd', 'a\n\nc', 'b\nd'],
    ['two blocks in a row', '<think>a</think>\n<think>b</think>\nd', 'a\n\nb', 'd'],
    ['two blocks in one line', '<think>a</think><think>b</think> d', 'a\n\nb', 'd'],
    ['after spaces', ' \n <think>a</think> b', 'a', 'b'],
  ]
  for (const [name, whole, reasoning, plain] of table) {
    test(`reasoning: ${name}`, () => expect(splitReasoning(whole)).toEqual({ reasoning, plain }))
  }

  for (const whole of ['write <think> like this', '```xml\n<think>a</think>\n```', '`<think>` begins it']) {
    test(`reasoning: a mention is answer text: ${JSON.stringify(whole)}`, () => {
      expect(splitReasoning(whole)).toEqual({ reasoning: '', plain: whole })
    })
  }

  test('reasoning: a text with thousands of tags is split quickly', () => {
    expect(splitReasoning('<think>\n'.repeat(20_000)).plain).toBe('')
    expect(splitReasoning('<think>a</think>\n'.repeat(20_000)).reasoning).toMatch(/^a\n\na/)
  })
})

test('reasoning: it is hidden, folded or quoted, and cut to leave room', () => {
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

  test('reasoning: without an answer it is shown alone, then with elapsed time', () => {
    const turn = turnAfter(growing)
    expect(shownBy(turn, t0 + 2_000)).toBe('<think>first</think>')
    expect(shownBy(turn, t0 + 6_000)).toMatch(/^<think>first<\/think>\n\n6 s · /)
  })

  test('reasoning: a partial tag is never shown', () => {
    const whole = '<think>secret</think>\nThe answer, a < b'
    for (let length = 1; length < whole.length; length++) {
      const turn = turnAfter([claimed, asked, text(whole.slice(0, length))], { thoughts: 'hide' })
      const shown = shownBy(turn, t0 + 2_000)
      expect('The answer, a < b'.startsWith(shown.trim()) || shown === animation).toBe(true)
    }
  })

  test('reasoning: if it is hidden, the bubble looks as if there were none', () => {
    const turn = turnAfter(growing, { thoughts: 'hide' })
    expect(shownBy(turn, t0 + 2_000)).toBe(animation)
    expect(shownBy(turn, t0 + 6_000)).toMatch(/^6 s · /)
  })

  test('reasoning: the finish frame shows it before the whole answer', () => {
    const turn = turnAfter([claimed, asked, answered(withThoughts), served()])
    expect(turn).toMatchObject({ state: 'shown', answer: 'The answer.' })
    expect(shownBy(turn, t0 + 4_000)).toBe('<think>first\nthen</think>\n\nThe answer.')
  })

  test('reasoning: an answer of only reasoning is empty', () => {
    expect(turnAfter([claimed, asked, answered('<think>hm</think>\n')])).toMatchObject({ end: 'empty' })
  })

  test('reasoning: it is not in a direct message', () => {
    const dm = { format: 'text', deliverWithinMs: 1_000_000 } as const
    const turn = turnAfter([claimed, asked, { kind: 'deadline', at: t0 + 330_000 }], { dm })
    const change = advance(turn, answered(withThoughts, t0 + 400_000), translate)
    expect(change?.add?.[0]?.body).toMatchObject({ messages: [{ kind: 'text', content: 'The answer.' }] })
  })

  test('reasoning: after a failed run only the rest of the text is shown', () => {
    const end = { kind: 'failed', reason: 'error', text: '<think>hm</think>\nhalf' } as const
    const turn = turnAfter([claimed, asked, { kind: 'run_ended', at: t0 + 9_000, end, chunks: 1 }])
    expect(turn.answer).toMatch(/^half\n\n⚠️/)
  })
})
