import { describe, expect, test } from 'bun:test'
import { advance } from '../../../src/core/streaming/advance.ts'
import { firstFrame, streamFrame, streamOfFeedback, type View } from '../../../src/core/streaming/frame.ts'
import { after, alone, answered, asked, claimed, opened, translate, served, t0, text, turnOf } from './turns.ts'

const placeholder = '<think></think>'
const view = (afterMs: number, more: Partial<View> = {}): View => ({ now: t0 + afterMs, placeholder, ...more })

test('frame: the first frame is the placeholder, also for a late repeat', () => {
  const shown = after([claimed, asked, answered('done'), served()])
  for (const turn of [turnOf(opened()), shown]) {
    const frame = firstFrame(turn, 'wait…')
    expect(frame).toEqual({ streamId: 'st_1', content: 'wait…', finish: false, feedbackId: 'trace_st_1' })
    expect(streamOfFeedback(frame.feedbackId ?? '')).toBe('st_1')
  }
  expect(streamOfFeedback('st_1')).toBeUndefined()
})

test('frame: the first frame of a refused message is its notice', () => {
  const busy = turnOf(opened({}, { ...alone, openTurns: 1_000 }))
  expect(firstFrame(busy, placeholder)).toEqual({ streamId: 'st_1', content: translate({ key: 'busy' }), finish: true })
})

test('frame: after five seconds without text it shows elapsed time and phase', () => {
  const turn = after([claimed, asked])
  expect(streamFrame(turn, view(4_999), translate).content).toBe(placeholder)
  expect(streamFrame(turn, view(5_000), translate).content).toBe('5 s · getting ready')
  const live = { text: '', phase: 'tool' } as const
  expect(streamFrame(turn, view(80_000, { live }), translate).content).toBe('1 min 20 s · looking things up')
  expect(streamFrame(turn, view(80_000, { live, placeholder: 'One moment' }), translate).content).toBe(
    'One moment\n1 min 20 s · looking things up',
  )
})

test('frame: a waiting message shows as queued, after ten seconds as offline', () => {
  const turn = turnOf(opened())
  expect(streamFrame(turn, view(1_000), translate).content).toBe(translate({ key: 'queued' }))
  expect(streamFrame(turn, view(4_000, { offlineSince: t0 - 99 }), translate).content).toBe(placeholder)
  expect(streamFrame(turn, view(10_000, { offlineSince: t0 - 99 }), translate).content).toBe(
    translate({ key: 'offline' }),
  )
  expect(streamFrame(turn, view(12_000, { offlineSince: t0 + 3_000 }), translate).content).not.toBe(
    translate({ key: 'offline' }),
  )
})

test('frame: it shows the newest text, and a lost link below it', () => {
  const turn = after([claimed, asked, text('saved')])
  expect(streamFrame(turn, view(1_000), translate)).toEqual({ streamId: 'st_1', content: 'saved', finish: false })
  expect(streamFrame(turn, view(1_000, { live: { text: 'saved and more' } }), translate).content).toBe('saved and more')
  expect(streamFrame(turn, view(30_000, { offlineSince: t0 + 2_000 }), translate).content).toBe(
    `saved\n\n${translate({ key: 'offline' })}`,
  )
})

test('frame: a long text is cut between characters, at 20,480 bytes', () => {
  for (const unit of ['a', '测', '😀', 'é测a😀']) {
    for (let pad = 0; pad < 4; pad++) {
      const long = 'x'.repeat(pad) + unit.repeat(25_000 / unit.length)
      const { content } = streamFrame(after([claimed, asked, text(long)]), view(1_000), translate)
      const shown = content.replace(`\n\n${translate({ key: 'truncated' })}`, '')
      expect(Buffer.byteLength(content)).toBeLessThanOrEqual(20_480)
      expect(Buffer.byteLength(content)).toBeGreaterThan(20_470)
      expect(long.startsWith(shown)).toBe(true)
      expect(content.isWellFormed()).toBe(true)
    }
  }
})

test('frame: a text of exactly 20,480 bytes is not cut', () => {
  const full = 'a'.repeat(20_480)
  expect(streamFrame(after([claimed, asked, answered(full), served()]), view(9_000), translate)).toEqual({
    streamId: 'st_1',
    content: full,
    finish: true,
  })
})

test('frame: the preface stays above the answer', () => {
  const turn = { ...after([claimed, asked, text('answer')]), preface: 'before' }
  expect(streamFrame(turn, view(1_000), translate).content).toBe('before\n\nanswer')
})

test.each(['HEARTBEAT_OK', ' HEARTBEAT_OK\n', '**HEARTBEAT_OK**', '`NO_REPLY`', 'HEARTBEAT_OK.'])(
  'frame: %j as the whole answer is an empty answer, and never seen',
  sentinel => {
    for (let end = 1; end <= sentinel.length; end++) {
      const open = after([claimed, asked, text(sentinel.slice(0, end))])
      expect(streamFrame(open, view(2_000), translate).content).not.toMatch(/[A-Z]/)
    }
    const shown = after([claimed, asked, text(sentinel), answered(sentinel), served()])
    expect(shown).toMatchObject({ end: 'empty', closedWith: translate({ key: 'empty' }) })
  },
)

test.each(['HEARTBEAT_OK is the sentinel', 'Say HEARTBEAT_OK', 'HEARTBEAT', 'NO', 'HEARTBEAT_OK\n\nAnd more'])(
  'frame: %j is an answer like any other',
  answer => {
    expect(after([claimed, asked, answered(answer), served()])).toMatchObject({ end: 'answered', closedWith: answer })
  },
)

describe('a notice below code that is still open', () => {
  const code = (open: string, line = 'make') => `see\n\n${open}\n${line}`
  const closes: readonly [string, string][] = [
    ['```bash', '```'],
    ['~~~', '~~~'],
    ['`````', '`````'],
  ]
  for (const [open, close] of closes) {
    test(`frame: ${open} is closed before a lost link, /stop, an error and the hand-over`, () => {
      const said = code(open)
      const streaming = after([claimed, asked, text(said)])
      const offline = streamFrame(streaming, view(20_000, { offlineSince: t0 }), translate).content
      expect(offline).toBe(`${said}\n${close}\n\n${translate({ key: 'offline' })}`)
      const ends = [
        [{ kind: 'stopped', text: said }, 'stopped'],
        [{ kind: 'failed', reason: 'error', text: said }, 'failed'],
      ] as const
      for (const [end, key] of ends) {
        const ended = after([
          claimed,
          asked,
          text(said),
          { kind: 'run_ended', at: t0 + 2_000, end, chunks: 1 },
          served(),
        ])
        expect(ended.closedWith).toBe(`${said}\n${close}\n\n${translate({ key })}`)
      }
      const moved = after([claimed, asked, text(said), { kind: 'deadline', at: t0 + 400_000 }])
      expect(moved.closedWith).toStartWith(`${said}\n${close}\n\n`)
    })
  }

  test('frame: the rest of an answer that was cut inside a code block reopens it', () => {
    const lines = Array.from({ length: 4_000 }, (_, index) => `x${index} = 1`)
    const answer = `Look:\n\n\`\`\`python\n${lines.join('\n')}\n\`\`\`\n\nDone.`
    const closing = after([claimed, asked, text(answer), answered(answer)])
    const change = advance(closing, served(), translate)
    const shown = change?.save[0]?.closedWith ?? ''
    expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(20_480)
    expect(shown).toEndWith(`\n\`\`\`\n\n${translate({ key: 'continued' })}`)
    const rest = (change?.add ?? []).flatMap(({ body }) => (body.kind === 'markdown' ? [body.content] : []))
    expect(rest).toHaveLength(1)
    expect(rest[0]).toStartWith('```python\n')
    expect(rest[0]).toEndWith('```\n\nDone.')
    const heard = shown.slice(0, shown.lastIndexOf('\n```')) + (rest[0] ?? '').slice('```python\n'.length)
    expect(heard).toBe(answer)
  })
})
