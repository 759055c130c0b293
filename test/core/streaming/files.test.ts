import { describe, expect, test } from 'bun:test'
import type { AgentFile } from '../../../src/domain/agent.ts'
import type { MediaKind } from '../../../src/domain/delivery.ts'
import type { Change } from '../../../src/domain/ports.ts'
import type { Turn } from '../../../src/domain/turn.ts'
import { type Collected, type FileOutcome, picturesOf } from '../../../src/core/streaming/files.ts'
import { streamFrame } from '../../../src/core/streaming/frame.ts'
import { streamOfFile } from '../../../src/core/streaming/spool-name.ts'
import { advance, type TurnEvent } from '../../../src/core/streaming/advance.ts'
import { nextDeadline } from '../../../src/core/streaming/deadlines.ts'
import {
  alone,
  asked,
  claimed,
  deliveriesOf,
  deadline,
  jobsOf,
  opened,
  translate,
  served,
  t0,
  turnOf,
} from './turns.ts'

const dm = { format: 'text', deliverWithinMs: 86_400_000 } as const
const png: AgentFile = { id: 'a1', fileName: 'out.png', mimeType: 'image/png' }
const csv: AgentFile = { id: 'a2', fileName: 'report.csv', mimeType: 'text/csv' }
const refused: AgentFile = { fileName: 'x.html', mimeType: 'text/html' }
const at = t0 + 2_000

let digests = 0
const kept = (media: MediaKind, bytes = 1_000, digest = `d${++digests}`): Collected => ({
  kind: 'kept',
  bytes,
  digest,
  media,
})

const ended = (said: string, ...files: readonly AgentFile[]): Extract<TurnEvent, { kind: 'run_ended' }> => ({
  kind: 'run_ended',
  at,
  end: { kind: 'answered', text: said, files },
  chunks: 1,
})
const collected = (index: number, what: Collected, when = at + 100): TurnEvent => ({
  kind: 'file_collected',
  at: when,
  file: `answer_st_1_${index}`,
  collected: what,
})
const settled = (index: number, fate: FileOutcome, when = at + 500): TurnEvent => ({
  kind: 'file_settled',
  at: when,
  file: `answer_st_1_${index}`,
  fate,
})

/** A turn after events, with what the last of them changed. */
function run(
  events: readonly TurnEvent[],
  { app = true, ...more }: { app?: boolean; surface?: 'app' } = {},
): { turn: Turn; last: Change | undefined } {
  let turn = turnOf(opened(more, alone, app ? { dm } : {}))
  let last: Change | undefined
  for (const event of [claimed, asked, ...events]) {
    last = advance(turn, event, translate)
    turn = last?.save[0] ?? turn
  }
  return { turn, last }
}

const added = (change: Change | undefined) =>
  (change?.add ?? []).map(row => `${'route' in row ? row.route : row.queue} ${row.id}`)
const bubble = (turn: Turn) => streamFrame(turn, { now: at, placeholder: '…' }, translate)

describe('files: in a bubble that is open', () => {
  test('files: each is fetched from the agent in the commit that ends the run, and the bubble waits', () => {
    const { turn, last } = run([ended('done', png, csv)])
    expect(added(last)).toEqual(['media wecom:default:m1:collect0', 'media wecom:default:m1:collect1'])
    expect(last?.add?.map(({ body }) => body)).toEqual([
      { kind: 'collect', artifact: 'a1', sessionKey: turn.sessionKey, file: 'answer_st_1_0' },
      { kind: 'collect', artifact: 'a2', sessionKey: turn.sessionKey, file: 'answer_st_1_1' },
    ])
    expect(turn.state).toBe('closing')
    expect(advance(turn, served(), translate)).toBeUndefined()
    expect(bubble(turn)).toMatchObject({ content: 'done', finish: false })
    expect(nextDeadline(turn)).toBe(at + 60_000)
    expect(streamOfFile('answer', 'answer_st_1_0')).toBe('st_1')
    expect(streamOfFile('answer', 'media_st_1_0')).toBeUndefined()
  })

  test('files: a picture is in the finish frame and nothing is said about it', () => {
    const { turn } = run([ended('done', png), collected(0, kept('image')), served()])
    expect(turn.state).toBe('shown')
    expect(bubble(turn)).toMatchObject({ content: 'done', finish: true })
    expect(picturesOf(turn)).toEqual(['answer_st_1_0'])
  })

  test('files: pictures without a text are named, since a frame must show something', () => {
    const { turn } = run([ended('', png), collected(0, kept('image')), served()])
    expect(turn).toMatchObject({ state: 'shown', end: 'answered' })
    expect(bubble(turn).content).toBe('🖼 out.png')
  })

  test('files: a file goes by direct message, and the notice comes after that arrived', () => {
    const going = run([ended('done', csv), collected(0, kept('file', 77))])
    expect(added(going.last)).toEqual(['app wecom:default:m1:file0'])
    expect(going.last?.add?.[0]?.body).toEqual({
      kind: 'messages',
      to: { kind: 'user', ids: ['zhangsan'] },
      messages: [
        {
          kind: 'media',
          media: 'file',
          fileName: 'report.csv',
          bytes: 77,
          source: { kind: 'spool', file: 'answer_st_1_0' },
        },
      ],
    })
    expect(advance(going.turn, served(), translate)).toBeUndefined()
    const { turn } = run([ended('done', csv), collected(0, kept('file')), settled(0, 'arrived'), served()])
    expect(bubble(turn).content).toBe(`done\n\n${translate({ key: 'file_sent', name: 'report.csv' })}`)
    expect(turn.state).toBe('shown')
    expect(picturesOf(turn)).toEqual([])
  })

  test('files: what does not arrive by direct message is said', () => {
    const { turn } = run([ended('done', csv), collected(0, kept('file')), settled(0, 'not_sent'), served()])
    expect(bubble(turn).content).toBe("done\n\n(“report.csv” couldn't be delivered: WeCom rejected it)")
  })

  test('files: of what nobody knows it is said that nobody does', () => {
    const { turn } = run([ended('done', csv), collected(0, kept('file')), settled(0, 'unsure'), served()])
    expect(bubble(turn).content).toBe("done\n\n(“report.csv” may not have been delivered: WeCom didn't respond)")
  })

  test('files: after a minute the bubble finishes with the sentence that the file follows', () => {
    const { turn } = run([
      ended('done', png, csv),
      collected(0, kept('image')),
      deadline(at + 60_000),
      served(at + 61_000),
    ])
    expect(bubble(turn).content).toBe(`done\n\n${translate({ key: 'file_follows', name: 'report.csv' })}`)
    expect(turn.state).toBe('shown')
    const late = advance(turn, collected(1, kept('file'), at + 70_000), translate)
    expect(added(late)).toEqual(['app wecom:default:m1:file1'])
  })

  test('files: the bubble does not wait beyond its handover', () => {
    const late = t0 + 320_000
    const { turn } = run([{ ...ended('done', csv), at: late }])
    expect(nextDeadline(turn)).toBe(t0 + 330_000)
  })

  test('files: who looks again within twenty seconds after the last file was known gets all in the bubble', () => {
    const { turn } = run([ended('done', csv), collected(0, kept('file')), settled(0, 'arrived', at + 40_000)])
    expect(nextDeadline(turn)).toBe(at + 60_000)
    const unfetched = advance(turn, deadline(at + 60_000), translate)
    expect(added(unfetched)).toEqual(['app wecom:default:m1:app'])
  })

  test('files: pictures of a bubble that nobody fetched go by direct message after the text', () => {
    const { last, turn } = run([ended('done', png), collected(0, kept('image')), deadline(at + 20_100)])
    expect(added(last)).toEqual(['app wecom:default:m1:app', 'app wecom:default:m1:file0'])
    const [text, picture] = last === undefined ? [] : deliveriesOf(last)
    expect(text?.lane).toBe(picture?.lane ?? '')
    expect(text?.order).toBeLessThan(picture?.order ?? 0)
    expect(picture?.body).toMatchObject({ messages: [{ media: 'image', fileName: 'out.png' }] })
    expect(picturesOf(turn)).toEqual([])
  })

  test.each([
    ['twice under one name', ['report.csv', 'report.csv'], ['direct', 'duplicate']],
    ['under two names', ['report.csv', 'copy.csv'], ['direct', 'direct']],
    ['as two names that differ in case', ['a.csv', 'A.csv'], ['direct', 'direct']],
    ['three times, one of them again', ['a.csv', 'b.csv', 'a.csv'], ['direct', 'direct', 'duplicate']],
  ])('files: the same bytes %s', (_, names, states) => {
    const files = names.map((fileName, index) => ({ ...csv, id: `b${index}`, fileName }))
    const { turn } = run([
      ended('done', ...files),
      ...names.map((_, index) => collected(index, kept('file', 10, 'same'))),
    ])
    expect(turn.files?.map(({ state }) => state)).toEqual(states as never)
  })

  test('files: they are fetched one after the other, in the order of the answer', () => {
    const files = [csv, png, { ...csv, id: 'a3', fileName: 'b.csv' }]
    const jobs = jobsOf(run([ended('done', ...files)]).last ?? { save: [] })
    expect(jobs.map(({ body, lane, order }) => [body.kind === 'collect' && body.artifact, lane, order])).toEqual([
      ['a2', 'wecom:default:m1:files', 0],
      ['a1', 'wecom:default:m1:files', 1],
      ['a3', 'wecom:default:m1:files', 2],
    ])
  })

  test('files: ten pictures and eight mebibytes fit, the rest are direct messages', () => {
    const many = Array.from({ length: 12 }, (_, index) => ({ ...png, id: `p${index}` }))
    const small = run([ended('done', ...many), ...many.map((_, index) => collected(index, kept('image', 10)))])
    expect(small.turn.files?.map(({ state }) => state)).toEqual([
      ...Array.from({ length: 10 }, () => 'inline' as const),
      'direct',
      'direct',
    ])
    const large = [5 * 1_048_576, 3 * 1_048_576 + 1, 3 * 1_048_576]
    const big = run([
      ended('done', ...many.slice(0, 3)),
      ...large.map((bytes, index) => collected(index, kept('image', bytes))),
    ])
    expect(big.turn.files?.map(({ state }) => state)).toEqual(['inline', 'direct', 'inline'])
  })

  test('files: repeats of what is known change nothing', () => {
    const { turn } = run([ended('done', csv), collected(0, kept('file')), settled(0, 'arrived')])
    expect(advance(turn, collected(0, kept('file')), translate)).toBeUndefined()
    expect(advance(turn, settled(0, 'not_sent'), translate)).toBeUndefined()
    expect(advance(turn, settled(7, 'not_sent'), translate)).toBeUndefined()
  })

  test('files: what the agent does not hand over is said, and nothing is waited for', () => {
    const { turn, last } = run([ended('done', refused)])
    expect(last?.add).toEqual([])
    const shown = turnOf(advance(turn, served(), translate))
    expect(bubble(shown).content).toBe("done\n\n(“x.html” couldn't be delivered: the agent didn't provide the file)")
  })

  test('files: a text too long for the bubble goes on by direct message, the pictures stay in the bubble', () => {
    const { turn, last } = run([ended('x'.repeat(30_000), png), collected(0, kept('image')), served()])
    expect(added(last)).toEqual(['app wecom:default:m1:app'])
    expect(picturesOf(turn)).toEqual(['answer_st_1_0'])
    expect(Buffer.byteLength(bubble(turn).content)).toBeLessThanOrEqual(20_480)
  })
})

describe('files: where no app is', () => {
  test('files: a picture is shown, a file is not even fetched and is said to be missing', () => {
    const { last, turn } = run([ended('done', png, csv)], { app: false })
    expect(added(last)).toEqual(['media wecom:default:m1:collect0'])
    const shown = [collected(0, kept('image')), served()].reduce(
      (latest, event) => advance(latest, event, translate)?.save[0] ?? latest,
      turn,
    )
    expect(bubble(shown).content).toContain("“report.csv” couldn't be delivered: sending files isn't set up here")
    expect(picturesOf(shown)).toEqual(['answer_st_1_0'])
  })

  test('files: a picture that turns out to be none is missing', () => {
    const { turn } = run([ended('done', png), collected(0, kept('file')), served()], { app: false })
    expect(bubble(turn).content).toContain("“out.png” couldn't be delivered")
  })

  test('files: a picture that does not come within a minute is missing', () => {
    const { turn } = run([ended('done', png), deadline(at + 60_000), served(at + 61_000)], { app: false })
    expect(bubble(turn).content).toContain('the file is no longer available')
    expect(advance(turn, collected(0, kept('image'), at + 62_000), translate)).toBeUndefined()
  })

  test('files: an answer that goes by response_url says what it cannot bring', () => {
    const { last } = run([ended('done', png), collected(0, kept('image')), deadline(at + 20_100)], { app: false })
    expect(last?.add?.[0]?.body).toMatchObject({
      kind: 'markdown',
      content:
        "done\n\n(“out.png” couldn't be delivered: sending files isn't set up here, please ask your administrator)",
    })
    const closed = run([deadline(t0 + 330_000), { ...ended('done', csv), at: t0 + 400_000 }], { app: false })
    expect(closed.last?.add?.map(({ body }) => body)).toMatchObject([
      { kind: 'markdown', content: expect.stringContaining("“report.csv” couldn't be delivered") },
    ])
  })
})

describe('files: where no bubble is open', () => {
  test.each([
    ['a message to the app', { surface: 'app' } as const, []],
    ['a bubble that was closed', {}, [deadline(t0 + 330_000)]],
  ])('files: of %s the text goes at once, each file when it is there', (_, more, before) => {
    const { last, turn } = run([...before, ended('done', png)], more)
    expect(added(last)).toEqual(['app wecom:default:m1:app', 'media wecom:default:m1:collect0'])
    const come = advance(turn, collected(0, kept('image')), translate)
    expect(added(come)).toEqual(['app wecom:default:m1:file0'])
    expect(come?.save[0]?.state).toBe('moved')
  })

  test('files: an answer of nothing but a file is that file', () => {
    const { last } = run([ended('', csv)], { surface: 'app' })
    expect(added(last)).toEqual(['media wecom:default:m1:collect0'])
  })

  test('files: what the agent does not hand over is said with the answer, or alone', () => {
    const contents = (said: string) =>
      run([ended(said, refused)], { surface: 'app' }).last?.add?.map(({ body }) => body)
    const sentence = "(“x.html” couldn't be delivered: the agent didn't provide the file)"
    expect(contents('done')).toMatchObject([{ messages: [{ content: `done\n\n${sentence}` }] }])
    expect(contents('')).toMatchObject([{ messages: [{ content: sentence }] }])
  })

  test('files: what cannot be fetched is said by direct message', () => {
    const { last } = run([ended('done', csv), collected(0, { kind: 'failed', problem: 'gone' })], { surface: 'app' })
    expect(last?.add?.map(({ id, body }) => ({ id, body }))).toMatchObject([
      {
        id: 'wecom:default:m1:file0',
        body: {
          messages: [{ content: "(“report.csv” couldn't be delivered: the file is no longer available)" }],
        },
      },
    ])
  })
})
