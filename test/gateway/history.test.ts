import { describe, expect, test } from 'bun:test'
import { decodeHistory, nextStep, type HistoryContext, type NextStep, textOf } from '../../src/gateway/chat/history.ts'

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
/** The answer to a command: of no run, under the key of its message. */
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
const stranger = asked('somebody')
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
    isTaken: false,
    quietSince: now,
    ...at,
  })

const before = { asked: { at: now - 5_000, bootId: 'boot-1' } }
const taken = { asked: { at: now - 5_000, bootId: 'boot-2' }, isTaken: true }
const untaken = { ...taken, isTaken: false }
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
  ['a question that was never asked is asked', { kind: 'ask', key: 'k' }, []],
  ['an old conversation does not keep it from being asked', { kind: 'ask' }, [asked('j'), said('a', 'j')]],
  ['somebody else runs in the session: it waits for its turn', { kind: 'occupied' }, [stranger], inFlight('x')],
  ['a run that is not named keeps it waiting, too', { kind: 'occupied' }, [], { sessionInfo: active }],
  [
    'between ack and row the run is already followed',
    { kind: 'follow', runId: 'k', text: '' },
    [],
    inFlight('k'),
    taken,
  ],
  [
    'between ack and row, told only by the list of active runs',
    { kind: 'follow' },
    [],
    { sessionInfo: { ...active, activeRunIds: ['k'] } },
    taken,
  ],
  ['between ack and row nothing may be seen for a moment', { kind: 'wait' }, [], {}, taken],
  [
    'queued behind another run it is followed',
    { kind: 'follow' },
    [stranger],
    { ...inFlight('x'), ...pending('queued', 'k') },
    taken,
  ],
  [
    'queued, and the other run has just ended',
    { kind: 'follow' },
    [stranger, said('a', 'x')],
    pending('queued', 'k'),
    taken,
  ],
  ['asked, but the ack never came: the same key is asked again', { kind: 'ask', key: 'k' }, [], {}, untaken],
  ['a gateway that died with nothing written is asked again', { kind: 'ask', key: 'k' }, [], {}, before],
  ['but not while somebody else runs there', { kind: 'occupied' }, [], inFlight('x'), before],
  [
    'a key that the dead gateway spent is left for the next one',
    { kind: 'ask', key: 'k#2' },
    [],
    pending('interrupted', 'k'),
    before,
  ],
  ['and that one too, when it was spent', { kind: 'ask', key: 'k#3' }, [], pending('interrupted', 'k', 'k#2'), before],
  ["somebody else's spent key is not ours", { kind: 'ask', key: 'k' }, [], pending('interrupted', 'j', 'k2'), before],
  ['a reset after the question ends it for good', { kind: 'lost' }, [reset(now - 1_000)], {}, before],
  ['also within the same boot', { kind: 'lost' }, [reset(now - 1_000), asked('j')], {}, taken],
  ['a reset before the question does not', { kind: 'ask' }, [reset(now - 6_000)], {}, before],
  ['a reset before it was ever asked does not either', { kind: 'ask' }, [reset(now - 1_000)]],
  ['what was taken and stays silent is given up after 60 s', { kind: 'lost' }, [], {}, { ...taken, ...quiet(60_000) }],
  ['and not a millisecond before', { kind: 'wait' }, [], {}, { ...taken, ...quiet(59_999) }],
  [
    'an end without a word may be a queue: it is looked at again',
    { kind: 'wait' },
    [],
    {},
    { ...taken, ...emptyEnd(4_999) },
  ],
  [
    'nothing following it for 5 s is an empty answer',
    { kind: 'empty' },
    [],
    {},
    { ...taken, ...emptyEnd(5_000), ...quiet(5_000) },
  ],
  [
    'while something runs it may be ours, just taken out of the queue',
    { kind: 'follow' },
    [],
    { sessionInfo: active },
    { ...taken, ...emptyEnd(60_000), ...quiet(0) },
  ],
]

const afterRow: readonly Case[] = [
  [
    'a running answer is followed with its text',
    { kind: 'follow', runId: 'k', text: 'so far' },
    [asked()],
    inFlight('k', 'so far'),
  ],
  ['a run whose id is not told yet is followed', { kind: 'follow' }, [asked()], { sessionInfo: active }],
  ['the row, the answer: done', { kind: 'answered' }, [asked(), said('a', 'k')]],
  ['a restarted daemon finds the answer of the last boot', { kind: 'answered' }, [asked(), said('a', 'k')], {}, before],
  [
    'the answer stands although others went on since',
    { kind: 'answered' },
    [asked(), said('a', 'k'), stranger, said('b', 'x')],
  ],
  [
    'queued behind another run, answered under another id',
    { kind: 'follow', runId: 'new', text: 'gr' },
    [stranger, said('a', 'x'), asked()],
    inFlight('new', 'gr'),
    taken,
  ],
  [
    'resumed after a restart, the note of the gateway in between',
    { kind: 'follow', runId: 'new', text: '' },
    [asked(), system('new')],
    inFlight('new'),
    before,
  ],
  [
    'resumed and answered while nobody listened',
    { kind: 'answered' },
    [asked(), system('new'), said('a', 'new')],
    {},
    before,
  ],
  [
    "the next user's run is not ours, our answer stands before it",
    { kind: 'answered' },
    [asked(), system('new'), said('a', 'new'), stranger],
    inFlight('x'),
    before,
  ],
  ["the next user's answer is not ours", { kind: 'wait' }, [asked(), stranger, said('not ours', 'x')], {}, before],
  ["nor is the next user's run", { kind: 'wait' }, [asked(), stranger], inFlight('x'), before],
  [
    'a message steered into our run does not take its answer away',
    { kind: 'answered' },
    [asked(), stranger, said('both', 'k')],
  ],
  [
    'and one steered into an adopted run neither',
    { kind: 'answered' },
    [asked(), stranger, said('both', 'new')],
    {},
    { runIds: new Set(['k', 'new']) },
  ],
  [
    'what somebody else wrote into our run is answered behind what it had said',
    { kind: 'answered', row: { text: 'both' }, earlier: [{ text: 'ours' }] },
    [asked(), said('let me see', 'k', { stopReason: 'toolUse' }), said('ours', 'k'), stranger, said('both', 'k')],
  ],
  [
    'but not behind the answer of another run, nor behind nothing',
    { kind: 'answered', row: { text: 'new' }, earlier: [] },
    [asked(), said('old', 'k'), said('', 'new'), said('new', 'new')],
    {},
    { runIds: new Set(['k', 'new']) },
  ],
  [
    'a command is answered by a row of no run',
    { kind: 'answered', row: { text: 'set' } },
    [asked(), commanded('set', 'k')],
  ],
  [
    'also while a run of somebody else goes on',
    { kind: 'answered', row: { text: 'set' } },
    [stranger, asked(), commanded('set', 'k')],
    inFlight('somebody'),
  ],
  ['a command that takes long is followed', { kind: 'follow', runId: 'k' }, [], inFlight('k'), taken],
  [
    'the answer to the text behind a command counts, not that to the command',
    { kind: 'answered', row: { text: 'a' } },
    [asked(), commanded('set', 'k'), said('a', 'k')],
  ],
  ['the answer to the command of another is not ours', { kind: 'wait' }, [asked(), stranger, commanded('set', 'x')]],
  [
    'what was said before a tool is no answer',
    { kind: 'wait' },
    [asked(), said('let me see', 'k', { stopReason: 'toolUse' })],
  ],
  [
    'the words after the tool are',
    { kind: 'answered' },
    [asked(), said('let me see', 'k', { stopReason: 'toolUse' }), { role: 'toolResult', content: 'x' }, said('a', 'k')],
  ],
  ['an error row is a failed run', { kind: 'failed', text: '' }, [asked(), failed('k')]],
  ['an error row of a resumed run as well', { kind: 'failed' }, [asked(), system('new'), failed('new')], {}, before],
  [
    'an aborted row is a stopped run with what there is',
    { kind: 'stopped', row: { text: 'par' } },
    [asked(), aborted('par', 'k')],
  ],
  [
    'an aborted row of a resumed run is a stopped run, too',
    { kind: 'stopped', row: { text: 'par' } },
    [asked(), system('new'), aborted('par', 'new')],
    {},
    before,
  ],
  [
    'an empty row is no answer while the gateway asks the model again',
    { kind: 'follow' },
    [asked(), said('', 'k')],
    inFlight('k'),
  ],
  ['the second answer counts', { kind: 'answered' }, [asked(), said('', 'k'), said('a', 'k')]],
  [
    'an empty row with the word that it is over is an empty answer',
    { kind: 'empty' },
    [asked(), said('', 'k')],
    {},
    emptyEnd(0),
  ],
  [
    'an empty row whose files may still come is waited for',
    { kind: 'wait' },
    [asked(), said('', 'k')],
    {},
    { ...emptyEnd(1_999), mayGetFiles: true },
  ],
  [
    'and for two seconds only',
    { kind: 'empty' },
    [asked(), said('', 'k')],
    {},
    { ...emptyEnd(2_000), mayGetFiles: true },
  ],
  [
    'a row of nothing but a file is an answer',
    { kind: 'answered', row: { text: '', files: [{ id: 'f' }] } },
    [asked(), said('', 'k', file)],
    {},
    emptyEnd(0),
  ],
  [
    'what was said counts more than a file behind it',
    { kind: 'answered', row: { text: 'a' } },
    [asked(), said('a', 'k'), said('', 'k', file)],
  ],
  [
    'a file before a tool was used is no answer yet',
    { kind: 'follow' },
    [asked(), said('', 'k', { ...file, stopReason: 'toolUse' })],
    { sessionInfo: active },
  ],
  ['white space is no answer', { kind: 'wait' }, [asked(), said(' \n', 'k')]],
  [
    'the row and nothing after it is given up after 60 s',
    { kind: 'lost' },
    [asked()],
    {},
    { ...before, ...quiet(60_000) },
  ],
  ['and waited for until then', { kind: 'wait' }, [asked()], {}, { ...before, ...quiet(59_999) }],
  [
    'a question under its second key is found',
    { kind: 'answered' },
    [asked('k#2'), said('a', 'k#2')],
    pending('interrupted', 'k'),
    before,
  ],
  [
    'a question under its second key is stopped like any other',
    { kind: 'stopped', row: { text: 'p' } },
    [asked('k#2'), aborted('p', 'k#2')],
    pending('interrupted', 'k'),
    before,
  ],
  ['of two rows under one key the last one counts', { kind: 'wait' }, [asked(), said('old', 'j'), asked()]],
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

  test('history: a run in flight is active also when nothing else says so', () => {
    expect(decodeHistory({ inFlightRun: { runId: 'k' } })).toMatchObject({
      isActive: true,
      inFlight: { runId: 'k', text: '' },
    })
  })

  test('history: rows of kinds that we do not know do no harm', () => {
    const { rows } = decodeHistory({ messages: [null, 7, {}, { role: 'toolResult', content: { a: 1 } }, reset(5)] })
    expect(rows.map(row => row.role)).toEqual(['other', 'other', 'other', 'other', 'reset'])
  })

  test('history: the text of a message is its text blocks in order, thoughts and tools left out', () => {
    expect(textOf({ content: 'plain' })).toBe('plain')
    expect(
      textOf({ content: [block('thinking', 'hm'), block('text', 'a'), { type: 'toolCall' }, block('text', 'b')] }),
    ).toBe('ab')
    expect(textOf({})).toBe('')
  })
})
