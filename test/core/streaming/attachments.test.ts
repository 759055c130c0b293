import { describe, expect, test } from 'bun:test'
import type { AgentLimits } from '../../../src/domain/agent.ts'
import type { Attachment } from '../../../src/domain/message.ts'
import type { Fetched } from '../../../src/domain/ports.ts'
import type { Turn } from '../../../src/domain/turn.ts'
import { askableAt, prepareQuestion, settleAttachment } from '../../../src/core/streaming/attachments.ts'
import { streamFrame } from '../../../src/core/streaming/frame.ts'
import { streamOfFile } from '../../../src/core/streaming/spool-name.ts'
import { advance } from '../../../src/core/streaming/advance.ts'
import { alone, inbound, jobsOf, opened, translate, t0, text, turnOf } from './turns.ts'

const picture: Attachment = { kind: 'image', url: 'https://a.myqcloud.com/1' }
const file: Attachment = { kind: 'file', url: 'https://a.myqcloud.com/2' }
const kept = (fileName: string, bytes = 1_000): Exclude<Fetched, { kind: 'later' }> => ({
  kind: 'kept',
  bytes,
  mimeType: 'text/csv',
  fileName,
})
const limits: AgentLimits = { attachmentBytes: 10_000, imageBytes: 5_000, questionBytes: 12_000 }

const withMedia = (attachments: readonly Attachment[], more = {}) => opened({ text: '[image]', attachments, ...more })

function settleAll(turn: Turn, ...all: readonly Exclude<Fetched, { kind: 'later' }>[]): Turn {
  return all.reduce(
    (latest, one, at) => settleAttachment(latest, latest.attachments?.[at]?.file ?? '', one) ?? latest,
    turn,
  )
}

describe('attachments: fetching', () => {
  test('attachments: opening a turn adds a fetch job for each of its media', () => {
    const fetches = jobsOf(withMedia([picture, file]))
    expect(fetches.map(({ id, queue, dueAt, expiresAt }) => ({ id, queue, dueAt, expiresAt }))).toEqual([
      { id: 'wecom:default:m1:media0', queue: 'media', dueAt: t0, expiresAt: t0 + 300_000 },
      { id: 'wecom:default:m1:media1', queue: 'media', dueAt: t0, expiresAt: t0 + 300_000 },
    ])
    expect(fetches.map(({ body }) => body)).toEqual([
      { kind: 'fetch', attachment: picture, file: 'media_st_1_0' },
      { kind: 'fetch', attachment: file, file: 'media_st_1_1' },
    ])
    expect(fetches.map(({ body }) => body.kind === 'fetch' && streamOfFile('media', body.file))).toEqual([
      'st_1',
      'st_1',
    ])
    expect(streamOfFile('media', 'send_1')).toBeUndefined()
  })

  test('attachments: a question waits for its media, at most four minutes', () => {
    const turn = turnOf(withMedia([picture, file]))
    expect(askableAt(turn)).toBe(t0 + 240_000)
    const one = settleAll(turn, kept('a.csv'))
    expect(askableAt(one)).toBe(t0 + 240_000)
    const both = settleAttachment(one, 'media_st_1_1', { kind: 'failed', problem: 'expired' })
    expect(both && askableAt(both)).toBe(t0)
    expect(both && settleAttachment(both, 'media_st_1_1', kept('late.csv'))).toBeUndefined()
  })

  test('attachments: in a group a question waits at most a minute', () => {
    const group = { account: 'default', kind: 'group', id: 'g' } as const
    expect(askableAt(turnOf(withMedia([picture], { conversation: group })))).toBe(t0 + 60_000)
  })

  test('attachments: a message with only media waits for a text', () => {
    const { save } = withMedia([picture], { isMediaOnly: true })
    expect(save[0]?.pending?.dueAt).toBe(t0 + 240_000)
    expect(save[0] && askableAt(settleAll(save[0], kept('a.png')))).toBe(t0 + 3_000)
  })

  test('attachments: a text that follows joins the media, in order', () => {
    const waiting = turnOf(withMedia([picture], { isMediaOnly: true }))
    const joined = opened(
      { msgid: 'm2', text: 'what is this?', attachments: [file], receivedAt: t0 + 1_000 },
      { ...alone, waiting },
      { streamId: 'st_2' },
    )
    const [next, merged] = joined.save
    expect(next).toMatchObject({ text: '[image]\n\nwhat is this?' })
    expect(next?.attachments?.map(one => one.file)).toEqual(['media_st_1_0', 'media_st_2_0'])
    expect(next?.joinUntil).toBeUndefined()
    expect(merged).toMatchObject({ end: 'merged', mergedInto: 'wecom:default:m2' })
    expect(joined.add?.map(({ id }) => id)).toEqual(['wecom:default:m2:media0'])
  })

  test('attachments: media of a refused message are not fetched', () => {
    const busy = opened({ attachments: [picture] }, { ...alone, openTurns: 1_000 })
    expect(busy.add ?? []).toEqual([])
  })

  test('frame: after five seconds it shows that media are being received', () => {
    const turn = turnOf(withMedia([picture]))
    const shown = (ms: number, of = turn) => streamFrame(of, { now: t0 + ms, placeholder: '…' }, translate).content
    expect([shown(4_999), shown(5_000)]).toEqual(['…', '⏳ Receiving your files (5 s).'])
    expect(shown(1_000, settleAll(turn, kept('a.png')))).toBe(translate({ key: 'queued' }))
  })
})

describe('attachments: freezing the question', () => {
  test('attachments: if all media were fetched, the question is unchanged', () => {
    const turn = settleAll(turnOf(withMedia([picture, file])), kept('a.png'), kept('数据.csv'))
    const prepared = prepareQuestion(turn, limits, translate)
    expect(prepared).toMatchObject({ question: '[image]', attachments: turn.attachments })
    expect(prepared.preface).toBeUndefined()
  })

  test.each([
    ['too_large', 'it is too large'],
    ['expired', 'its link has expired, please send it again'],
    ['unreadable', "it can't be read, please send it again"],
    ['empty', 'it is empty'],
    ['bad_host', "its download address isn't allowed, please ask your administrator"],
    ['unreachable', 'the download failed, please send it again'],
  ] as const)('attachments: %s: a line for the agent and a notice for the user', (problem, reason) => {
    const turn = settleAll(turnOf(withMedia([picture])), { kind: 'failed', problem })
    const prepared = prepareQuestion(turn, limits, translate)
    expect(prepared.question).toBe('[image]\n[image: could not be fetched]')
    expect(prepared.preface).toBe(`(“image” couldn't be passed to the agent: ${reason})`)
    expect(prepared.attachments?.map(({ state }) => state)).toEqual(['failed'])
  })

  test('attachments: late media fail, and stay failed', () => {
    const prepared = prepareQuestion(turnOf(withMedia([picture])), limits, translate)
    expect(prepared.preface).toContain('took too long')
    const claimed = advance(turnOf(withMedia([picture])), { kind: 'claimed', at: t0 + 240_000, prepared }, translate)
    expect(settleAttachment(turnOf(claimed), 'media_st_1_0', kept('late.png'))).toBeUndefined()
  })

  test('attachments: media over the gateway’s limits are listed with their size', () => {
    const turn = settleAll(
      turnOf(withMedia([file, file, file, file])),
      kept('first.csv', 8_000),
      kept('huge.zip', 10_001),
      kept('second.csv', 4_001),
      kept('third.csv', 4_000),
    )
    const { question, attachments, preface } = prepareQuestion(turn, limits, translate)
    expect(attachments?.map(({ state, problem }) => problem ?? state)).toEqual([
      'kept',
      'too_large_for_agent',
      'too_large_for_agent',
      'kept',
    ])
    expect(question).toBe(
      '[image]\n[huge.zip, 10 KB: too large for the gateway]\n[second.csv, 4 KB: too large for the gateway]',
    )
    expect(preface?.split('\n')).toHaveLength(2)
  })

  test('attachments: pictures have a smaller limit', () => {
    const image = { kind: 'kept', bytes: 5_001, mimeType: 'image/png', fileName: 'a.png' } as const
    const turn = settleAll(turnOf(withMedia([picture, picture])), image, { ...image, bytes: 5_000 })
    const { attachments } = prepareQuestion(turn, limits, translate)
    expect(attachments?.map(({ state, problem }) => problem ?? state)).toEqual(['too_large_for_agent', 'kept'])
  })

  test('attachments: a quoted file gets its name once it is fetched', () => {
    const quoted = { ...file, isQuoted: true } as const
    const text = '> [quoted file]\nwhat is [quoted file]?'
    const turn = settleAll(turnOf(withMedia([quoted, file], { text })), kept('合同.txt'), kept('other.txt'))
    expect(prepareQuestion(turn, limits, translate).question).toBe('> [quoted file 合同.txt]\nwhat is [quoted file]?')
    const lost = settleAll(turnOf(withMedia([quoted], { text })), { kind: 'failed', problem: 'empty' })
    expect(prepareQuestion(lost, limits, translate).question).toBe(`${text}\n[file: could not be fetched]`)
  })

  test('attachments: sizes are shown in MB', () => {
    const turn = settleAll(turnOf(withMedia([file])), kept('film.mp4', 52_428_800))
    expect(prepareQuestion(turn, limits, translate).question).toBe(
      '[image]\n[film.mp4, 50 MB: too large for the gateway]',
    )
  })

  test('attachments: notices come after an earlier preface', () => {
    const turn = settleAll(
      turnOf(withMedia([picture], { conversation: { ...inbound.conversation, kind: 'group', id: 'g' } })),
      { kind: 'failed', problem: 'empty' },
    )
    const prepared = prepareQuestion({ ...turn, preface: 'Before.' }, limits, translate)
    expect(prepared.question).toBe('[zhangsan]\n[image]\n[image: could not be fetched]')
    expect(prepared.preface?.split('\n')[0]).toBe('Before.')
  })

  test('attachments: the bubble shows the notice before the answer', () => {
    const turn = settleAll(turnOf(withMedia([picture])), { kind: 'failed', problem: 'empty' })
    const prepared = prepareQuestion(turn, limits, translate)
    const asking = turnOf(advance(turn, { kind: 'claimed', at: t0 + 10, prepared }, translate))
    const streaming = turnOf(advance(asking, text('hello'), translate))
    const { content } = streamFrame(streaming, { now: t0 + 1_000, placeholder: '' }, translate)
    expect(content).toBe(`${prepared.preface}\n\nhello`)
    const silent = streamFrame(asking, { now: t0 + 1_000, placeholder: '<think></think>' }, translate)
    expect(silent.content).toBe(prepared.preface ?? '')
  })
})
