import { describe, expect, test } from 'bun:test'
import { nextStep, type HistoryContext, type NextStep } from '../../src/gateway/chat/history.ts'
import { decodeHistory, textOf } from '../../src/gateway/chat/history-rows.ts'

const now = 1_780_000_000_000

// Rows as the gateway writes them (docs/protocol-gateway.md).
const asked = (key = 'k', more: object = {}) => ({ role: 'user', content: 'q', idempotencyKey: `${key}:user`, ...more })
const said = (text: string, runId: string, more: object = {}) => ({
  role: 'assistant',
  content: text === '' ? [] : [{ type: 'text', text }],
  stopReason: 'stop',
  ...more,
  __openclaw: { runId, id: `row-${runId}` },
})
const file = { content: [{ type: 'image', artifactId: 'f', alt: 'a.png', mimeType: 'image/png' }] }
const failed = (runId: string) =>
  said('⚠️ LLM request failed.', runId, { stopReason: 'error', idempotencyKey: `${runId}:terminal-error` })
const aborted = (text: string, runId: string) =>
  said(text, runId, { idempotencyKey: `${runId}:assistant`, model: 'gateway-injected' })
/** The reply to a command. It belongs to no run and has the key of its message. */
const commanded = (text: string, key: string) => ({
  role: 'assistant',
  content: [{ type: 'text', text }],
  stopReason: 'stop',
  model: 'gateway-injected',
  idempotencyKey: key,
  __openclaw: { id: `row-${key}`, idempotencyKey: key },
})
const system = (runId: string) => ({
  role: 'user',
  content: '[System] Your previous turn was interrupted by a gateway restart',
  idempotencyKey: `${runId}:user`,
  provenance: { kind: 'internal_system', sourceTool: 'main_session_restart_recovery' },
})
const reset = (timestamp: number) => ({
  role: 'system',
  content: [{ type: 'text', text: 'Reset' }],
  timestamp,
  __openclaw: { kind: 'reset', id: 'r' },
})
const otherAsk = asked('other')
const active = { hasActiveRun: true }
const inFlight = (runId: string, text = '') => ({ sessionInfo: active, inFlightRun: { runId, text } })
const pending = (state: string, ...runIds: string[]) => ({
  pendingInputs: { items: runIds.map(runId => ({ id: 'p', state, runId })), total: runIds.length },
})

const step = (messages: readonly object[], more: object = {}, at: Partial<HistoryContext> = {}) =>
  nextStep(decodeHistory({ messages, ...more }), {
    key: 'k',
    runIds: new Set(['k']),
    now,
    bootId: 'boot-2',
    superseded: new Set<string>(),
    quietSince: now,
    ...at,
  })

const before = { asked: { at: now - 5_000, bootId: 'boot-1' } }
const accepted = { asked: { at: now - 5_000, bootId: 'boot-2' }, acceptedKey: 'k' }
const unacknowledged = { asked: accepted.asked }
const quiet = (ms: number) => ({ quietSince: now - ms })
const emptyEnd = (ms: number) => ({ emptyEndAt: now - ms })

type Case = readonly [
  what: string,
  step: { readonly kind: NextStep['kind']; readonly [detail: string]: unknown },
  messages: readonly object[],
  more?: object,
  at?: Partial<HistoryContext>,
]

const withoutRow: readonly Case[] = [
  ['a new question is asked', { kind: 'ask', key: 'k' }, []],
  ['a new question after an old conversation is asked', { kind: 'ask' }, [asked('j'), said('a', 'j')]],
  ["another client's run is waited for", { kind: 'occupied' }, [otherAsk], inFlight('x')],
  ['an active run without an id is waited for', { kind: 'occupied' }, [], { sessionInfo: active }],
  ['between ack and row the run is followed', { kind: 'follow', runId: 'k', text: '' }, [], inFlight('k'), accepted],
  [
    'between ack and row, activeRunIds is enough to follow',
    { kind: 'follow' },
    [],
    { sessionInfo: { ...active, activeRunIds: ['k'] } },
    accepted,
  ],
  ['between ack and row, no sign yet means wait', { kind: 'wait' }, [], {}, accepted],
  [
    'a question queued after another run is followed',
    { kind: 'follow' },
    [otherAsk],
    { ...inFlight('x'), ...pending('queued', 'k') },
    accepted,
  ],
  [
    'a queued question is followed when the other run has just ended',
    { kind: 'follow' },
    [otherAsk, said('a', 'x')],
    pending('queued', 'k'),
    accepted,
  ],
  ['without an ack the same key is asked again', { kind: 'ask', key: 'k' }, [], {}, unacknowledged],
  ['after a crash that left nothing, the same key is asked again', { kind: 'ask', key: 'k' }, [], {}, before],
  ["after such a crash, another client's run is waited for", { kind: 'occupied' }, [], inFlight('x'), before],
  [
    'an interrupted key is replaced by the next one',
    { kind: 'ask', key: 'k#2' },
    [],
    pending('interrupted', 'k'),
    before,
  ],
  [
    'a second interrupted key is replaced as well',
    { kind: 'ask', key: 'k#3' },
    [],
    pending('interrupted', 'k', 'k#2'),
    before,
  ],
  [
    "another question's interrupted key does not matter",
    { kind: 'ask', key: 'k' },
    [],
    pending('interrupted', 'j', 'k2'),
    before,
  ],
  ['a reset after the question makes it lost', { kind: 'lost' }, [reset(now - 1_000)], {}, before],
  ['a reset within the same boot makes it lost, too', { kind: 'lost' }, [reset(now - 1_000), asked('j')], {}, accepted],
  ['a reset before the question does not matter', { kind: 'ask' }, [reset(now - 6_000)], {}, before],
  ['a reset before the first ask does not matter', { kind: 'ask' }, [reset(now - 1_000)]],
  [
    'an accepted question without a sign is lost after 60 s',
    { kind: 'lost' },
    [],
    {},
    { ...accepted, ...quiet(60_000) },
  ],
  ['an accepted question without a sign waits until then', { kind: 'wait' }, [], {}, { ...accepted, ...quiet(59_999) }],
  ['an end without text may mean queued, so it waits', { kind: 'wait' }, [], {}, { ...accepted, ...emptyEnd(4_999) }],
  [
    'an end without text and nothing for 5 s is an empty answer',
    { kind: 'empty' },
    [],
    {},
    { ...accepted, ...emptyEnd(5_000), ...quiet(5_000) },
  ],
  [
    'after an end without text, an active run may be ours',
    { kind: 'follow' },
    [],
    { sessionInfo: active },
    { ...accepted, ...emptyEnd(60_000), ...quiet(0) },
  ],
]

const afterRow: readonly Case[] = [
  [
    'late files of the question before are not an answer',
    { kind: 'wait' },
    [asked('j'), said('a', 'j'), asked(), { role: 'assistant', ...file, idempotencyKey: 'j:assistant-media' }],
    {},
    accepted,
  ],
  [
    'a running answer is followed with its text',
    { kind: 'follow', runId: 'k', text: 'so far' },
    [asked()],
    inFlight('k', 'so far'),
  ],
  ['after the row, an active run without an id is followed', { kind: 'follow' }, [asked()], { sessionInfo: active }],
  ['an answer after the row ends the question', { kind: 'answered' }, [asked(), said('a', 'k')]],
  ['an answer from an earlier boot is found', { kind: 'answered' }, [asked(), said('a', 'k')], {}, before],
  [
    'later turns of other clients do not hide the answer',
    { kind: 'answered' },
    [asked(), said('a', 'k'), otherAsk, said('b', 'x')],
  ],
  [
    'queued after another run: the new run id is followed',
    { kind: 'follow', runId: 'new', text: 'gr' },
    [otherAsk, said('a', 'x'), asked()],
    inFlight('new', 'gr'),
    accepted,
  ],
  [
    'resumed after a restart: the new run id is followed',
    { kind: 'follow', runId: 'new', text: '' },
    [asked(), system('new')],
    inFlight('new'),
    before,
  ],
  [
    'the answer of a resumed run is found',
    { kind: 'answered' },
    [asked(), system('new'), said('a', 'new')],
    {},
    before,
  ],
  [
    "our answer is found while the next user's run is active",
    { kind: 'answered' },
    [asked(), system('new'), said('a', 'new'), otherAsk],
    inFlight('x'),
    before,
  ],
  ["the next user's answer is not ours", { kind: 'wait' }, [asked(), otherAsk, said('not ours', 'x')], {}, before],
  ["the next user's run is not ours", { kind: 'wait' }, [asked(), otherAsk], inFlight('x'), before],
  [
    'a message steered into our run does not take its answer',
    { kind: 'answered' },
    [asked(), otherAsk, said('both', 'k')],
  ],
  [
    'a message steered into an adopted run does not take its answer',
    { kind: 'answered' },
    [asked(), otherAsk, said('both', 'new')],
    {},
    { runIds: new Set(['k', 'new']) },
  ],
  [
    'a steered run keeps the text from before as `earlier`',
    { kind: 'answered', row: { text: 'both' }, earlier: [{ text: 'ours' }] },
    [asked(), said('let me see', 'k', { stopReason: 'toolUse' }), said('ours', 'k'), otherAsk, said('both', 'k')],
  ],
  [
    '`earlier` has no text of other runs and no empty rows',
    { kind: 'answered', row: { text: 'new' }, earlier: [] },
    [asked(), said('old', 'k'), said('', 'new'), said('new', 'new')],
    {},
    { runIds: new Set(['k', 'new']) },
  ],
  [
    'the reply to a command has no run id',
    { kind: 'answered', row: { text: 'set' } },
    [asked(), commanded('set', 'k')],
  ],
  [
    "a command is answered during another client's run",
    { kind: 'answered', row: { text: 'set' } },
    [otherAsk, asked(), commanded('set', 'k')],
    inFlight('other'),
  ],
  ['a slow command is followed', { kind: 'follow', runId: 'k' }, [], inFlight('k'), accepted],
  [
    'the answer to text after a command replaces the command reply',
    { kind: 'answered', row: { text: 'a' } },
    [asked(), commanded('set', 'k'), said('a', 'k')],
  ],
  ["the reply to another client's command is not ours", { kind: 'wait' }, [asked(), otherAsk, commanded('set', 'x')]],
  [
    'text before a tool call is not the answer',
    { kind: 'wait' },
    [asked(), said('let me see', 'k', { stopReason: 'toolUse' })],
  ],
  [
    'text after the tool call is the answer',
    { kind: 'answered' },
    [asked(), said('let me see', 'k', { stopReason: 'toolUse' }), { role: 'toolResult', content: 'x' }, said('a', 'k')],
  ],
  ['an error row is a failed run', { kind: 'failed', text: '' }, [asked(), failed('k')]],
  [
    'an error row of a resumed run is a failed run',
    { kind: 'failed' },
    [asked(), system('new'), failed('new')],
    {},
    before,
  ],
  [
    'an aborted row is a stopped run with its partial text',
    { kind: 'stopped', row: { text: 'par' } },
    [asked(), aborted('par', 'k')],
  ],
  [
    'an aborted row of a resumed run is a stopped run',
    { kind: 'stopped', row: { text: 'par' } },
    [asked(), system('new'), aborted('par', 'new')],
    {},
    before,
  ],
  [
    'an empty row is not an answer while the run is active',
    { kind: 'follow' },
    [asked(), said('', 'k')],
    inFlight('k'),
  ],
  ['after an empty row the second answer counts', { kind: 'answered' }, [asked(), said('', 'k'), said('a', 'k')]],
  [
    'an empty row after the end of the run is an empty answer',
    { kind: 'empty' },
    [asked(), said('', 'k')],
    {},
    emptyEnd(0),
  ],
  [
    'an empty row waits while files may still come',
    { kind: 'wait' },
    [asked(), said('', 'k')],
    {},
    { ...emptyEnd(1_999), mayGetFiles: true },
  ],
  [
    'an empty row waits for files for two seconds only',
    { kind: 'empty' },
    [asked(), said('', 'k')],
    {},
    { ...emptyEnd(2_000), mayGetFiles: true },
  ],
  [
    'a row with only a file is an answer',
    { kind: 'answered', row: { text: '', files: [{ id: 'f' }] } },
    [asked(), said('', 'k', file)],
    {},
    emptyEnd(0),
  ],
  [
    'a row with text counts more than a later row with a file',
    { kind: 'answered', row: { text: 'a' } },
    [asked(), said('a', 'k'), said('', 'k', file)],
  ],
  [
    'a file before a tool call is not the answer',
    { kind: 'follow' },
    [asked(), said('', 'k', { ...file, stopReason: 'toolUse' })],
    { sessionInfo: active },
  ],
  ['white space is not an answer', { kind: 'wait' }, [asked(), said(' \n', 'k')]],
  ['a row with nothing after it is lost after 60 s', { kind: 'lost' }, [asked()], {}, { ...before, ...quiet(60_000) }],
  ['a row with nothing after it waits until then', { kind: 'wait' }, [asked()], {}, { ...before, ...quiet(59_999) }],
  [
    'the answer under the second key is found',
    { kind: 'answered' },
    [asked('k#2'), said('a', 'k#2')],
    pending('interrupted', 'k'),
    before,
  ],
  [
    'an abort under the second key is found',
    { kind: 'stopped', row: { text: 'p' } },
    [asked('k#2'), aborted('p', 'k#2')],
    pending('interrupted', 'k'),
    before,
  ],
  ['of two rows with one key the last one counts', { kind: 'wait' }, [asked(), said('old', 'j'), asked()]],
]

describe('nextStep', () => {
  for (const [what, wanted, messages, more, at] of [...withoutRow, ...afterRow]) {
    test(`history: ${what}`, () => {
      expect(step(messages, more, at)).toMatchObject(wanted)
    })
  }
})

const block = (type: string, text: string) => ({ type, text })

describe('decodeHistory', () => {
  test('history: an unknown session is empty and idle', () => {
    expect(decodeHistory({ sessionKey: 'x', messages: [], pendingInputs: { items: [], total: 0 } })).toEqual({
      rows: [],
      isActive: false,
      activeRunIds: [],
      pending: new Map(),
    })
  })

  test('history: an in-flight run alone makes the session active', () => {
    expect(decodeHistory({ inFlightRun: { runId: 'k' } })).toMatchObject({
      isActive: true,
      inFlight: { runId: 'k', text: '' },
    })
  })

  test('history: unknown rows are ignored', () => {
    const { rows } = decodeHistory({ messages: [null, 7, {}, { role: 'toolResult', content: { a: 1 } }, reset(5)] })
    expect(rows.map(row => row.role)).toEqual(['other', 'other', 'other', 'other', 'reset'])
  })

  test('history: the text of a message is its text blocks in order', () => {
    expect(textOf({ content: 'plain' })).toBe('plain')
    expect(
      textOf({ content: [block('thinking', 'hm'), block('text', 'a'), { type: 'toolCall' }, block('text', 'b')] }),
    ).toBe('ab')
    expect(textOf({})).toBe('')
  })
})

describe('a question whose run ended because the config of the gateway changed', () => {
  const ended = { role: 'custom', content: 'This turn ended before a reply: generation was superseded', __openclaw: {} }
  const again = asked('k#2')
  const set = (...keys: string[]) => ({ superseded: new Set(keys) })
  const cases: readonly (readonly [what: string, rows: readonly object[], at: Partial<HistoryContext>, end: object])[] =
    [
      ['is asked under the next key', [asked(), ended], accepted, { kind: 'ask', key: 'k#2' }],
      [
        'is asked at once when the event tells it',
        [asked()],
        { ...accepted, ...set('k') },
        { kind: 'ask', key: 'k#2' },
      ],
      ['is asked after a restart', [asked(), ended], before, { kind: 'ask', key: 'k#2' }],
      ['waits for the row of the next key', [asked(), ended], { ...accepted, acceptedKey: 'k#2' }, { kind: 'wait' }],
      ['is answered under the next key', [asked(), ended, again, said('done', 'k#2')], accepted, { kind: 'answered' }],
      ['is asked a third time', [asked(), ended, again, ended], accepted, { kind: 'ask', key: 'k#3' }],
      [
        'is not asked a fifth time',
        [asked(), ended, again, ended, asked('k#3'), ended, asked('k#4'), ended],
        { ...accepted, ...quiet(61_000) },
        { kind: 'lost' },
      ],
    ]
  for (const [what, rows, at, end] of cases) {
    test(`history: it ${what}`, () => expect(step(rows, {}, at)).toMatchObject(end))
  }
})
