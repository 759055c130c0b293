import { expect, test } from 'bun:test'
import type { ReplyChunk, RunEnd } from '../../src/domain/agent.ts'
import { failureFrom, Run } from '../../src/gateway/chat/run.ts'

const sessionKey = 'agent:main:wecom:default:direct:zhangsan'
const message = (text: string) => ({ role: 'assistant', content: [{ type: 'text', text }] })

function setUp() {
  const chunks: ReplyChunk[] = []
  const run = new Run('k', sessionKey, 1_000, chunk => void chunks.push(chunk))
  const ends: RunEnd[] = []
  void run.ended.then(end => ends.push(end))
  let wakes = 0
  const listen = () => void run.nextWake().then(() => [wakes++, listen()])
  listen()
  const emit = (event: string, payload: object, now = 2_000) =>
    run.handleEvent(event, { runId: 'k', sessionKey, ...payload }, now)
  const rest = async () => {
    await new Promise<void>(resolve => setImmediate(resolve))
    return { ends, wakes }
  }
  return { run, chunks, chat: (payload: object, now?: number) => emit('chat', payload, now), emit, rest }
}

test('run: snapshots are reported and the final answer ends the run', async () => {
  const { run, chunks, chat, rest } = setUp()
  chat({ state: 'delta', message: message('a') })
  chat({ state: 'delta', message: message('a b') }, 3_000)
  chat({ state: 'delta', message: message('') })
  chat({ state: 'final', stopReason: 'stop', message: message('a b c') })
  expect(chunks).toEqual([
    { kind: 'text', text: 'a' },
    { kind: 'text', text: 'a b' },
  ])
  expect((await rest()).ends).toEqual([{ kind: 'answered', text: 'a b c' }])
  expect(run.quietSince).toBe(2_000)
})

test("run: the gateway's phases and tool calls map to our phases", () => {
  const { chunks, chat, emit } = setUp()
  for (const phase of ['preparing_workspace', 'naming_worktree', 'starting_model']) chat({ state: 'status', phase })
  for (const phase of ['start', 'update', 'result']) emit('agent', { stream: 'tool', data: { phase, name: 'exec' } })
  emit('agent', { stream: 'lifecycle', data: { phase: 'start' } })
  expect(chunks.map(chunk => (chunk.kind === 'phase' ? chunk.phase : chunk.kind))).toEqual([
    'starting',
    'starting',
    'thinking',
    'tool',
    'thinking',
  ])
})

test('run: an error reported twice ends the run once', async () => {
  const { chat, rest } = setUp()
  chat({ state: 'error', seq: 9, errorMessage: 'LLM request failed: provider rejected' })
  chat({ state: 'error', seq: 1, errorMessage: '⚠️ Agent failed before reply: …' })
  const failure = { cause: 'model_error', error: 'LLM request failed: provider rejected' } as const
  expect((await rest()).ends).toEqual([{ kind: 'failed', reason: 'error', text: '', failure }])
})

test.each([
  ['auth', 'model_auth'],
  ['auth_permanent', 'model_auth'],
  ['billing', 'model_auth'],
  ['rate_limit', 'model_rate'],
  ['overloaded', 'model_rate'],
  ['timeout', 'model_timeout'],
  ['context_overflow', 'model_context'],
  ['format', 'model_error'],
  ['constructor', 'model_error'],
])('run: the failover reason %s of the first error is the cause %s', async (failoverReason, cause) => {
  const { chat, rest } = setUp()
  chat({ state: 'error', errorMessage: 'no', errorDetail: { provider: 'x', failoverReason } })
  chat({ state: 'error', errorMessage: 'softer', errorDetail: { failoverReason: 'timeout' } })
  expect((await rest()).ends).toMatchObject([{ kind: 'failed', failure: { cause, error: 'no' } }])
})

test('run: a timeout of the gateway has a kind of its own', async () => {
  const { chat, rest } = setUp()
  chat({ state: 'error', errorMessage: 'Request timed out', errorKind: 'timeout' })
  expect((await rest()).ends).toMatchObject([{ failure: { cause: 'model_timeout', error: 'Request timed out' } }])
})

test('run: a final without a message triggers a read of the history', async () => {
  const { run, chat, rest } = setUp()
  chat({ state: 'final', seq: 1 }, 7_000)
  expect(await rest()).toEqual({ ends: [], wakes: 1 })
  expect(run.emptyEndAt).toBe(7_000)
})

test('run: a final with an empty message is an empty answer', async () => {
  const { chat, rest } = setUp()
  chat({ state: 'final', message: message(' \n') })
  expect((await rest()).ends).toEqual([{ kind: 'empty' }])
})

const end = (text: string) => ({
  stream: 'lifecycle',
  data: { phase: 'end', terminalReply: { disposition: 'visible', text }, terminalReceipt: { successfulToolNames: [] } },
})

test('run: a final without a message but with files is an answer', async () => {
  const { run, chat, emit, rest } = setUp()
  emit('agent', end('MEDIA:./a.csv'))
  chat({ state: 'final', seq: 10 })
  expect((await rest()).ends).toEqual([{ kind: 'answered', text: '' }])
  expect(run.lifecycleEnd?.reply).toBe('MEDIA:./a.csv')
})

test('run: its end event tells whether files may come', () => {
  const { run, emit } = setUp()
  expect(run.mayGetFiles).toBe(true)
  emit('agent', { ...end('MEDIA:./a.csv'), runId: 'other' })
  expect(run.mayGetFiles).toBe(true)
  emit('agent', end('x'))
  emit('agent', { stream: 'lifecycle', data: { phase: 'finishing' } })
  expect(run.mayGetFiles).toBe(false)
  run.adopt('new')
  expect(run.mayGetFiles).toBe(true)
})

test('run: an abort ends the run with the text so far', async () => {
  const { chat, rest } = setUp()
  chat({ state: 'aborted', stopReason: 'rpc', message: message('par') })
  expect((await rest()).ends).toEqual([{ kind: 'stopped', text: 'par' }])
})

test('run: an abort before any text ends the run', async () => {
  const { chat, rest } = setUp()
  chat({ state: 'aborted', stopReason: 'rpc' })
  expect((await rest()).ends).toEqual([{ kind: 'stopped', text: '' }])
})

test('run: a model without output is an empty answer, not a stopped run', async () => {
  const { chat, rest } = setUp()
  chat({ state: 'aborted', stopReason: 'stop' })
  chat({ state: 'error', seq: 1, errorMessage: "⚠️ Agent couldn't generate a response." })
  expect((await rest()).ends).toEqual([{ kind: 'empty' }])
})

const notEnds: readonly [string, object][] = [
  ['an abort by a gateway restart', { state: 'aborted', stopReason: 'restart', message: message('par') }],
  [
    'the refusal of a draining gateway',
    { state: 'error', errorMessage: 'GatewayDrainingError: Gateway is draining; x' },
  ],
  ['an interrupted key', { state: 'error', errorMessage: 'Error: Pending input ownership ended; submit' }],
]
for (const [what, payload] of notEnds) {
  test(`run: ${what} does not end the run`, async () => {
    const { chat, rest } = setUp()
    chat(payload)
    expect(await rest()).toEqual({ ends: [], wakes: 1 })
  })
}

test("run: another client's run wakes the follower at start and end only", async () => {
  const { chunks, chat, emit, rest } = setUp()
  const wakes: number[] = []
  for (const state of ['status', 'delta', 'delta', 'final', 'delta']) {
    chat({ runId: 'x', state, message: message('not ours') })
    wakes.push((await rest()).wakes)
  }
  emit('agent', { runId: 'y', stream: 'tool', data: { phase: 'start' } })
  expect(wakes).toEqual([1, 1, 1, 2, 2])
  expect([chunks, (await rest()).ends]).toEqual([[], []])
})

test('run: an adopted run counts as ours and is reported once', async () => {
  const { run, chunks, chat, rest } = setUp()
  chat({ runId: 'new', state: 'delta', message: message('early') })
  run.adopt('new')
  run.adopt('new')
  run.adopt('k')
  chat({ runId: 'new', state: 'delta', message: message('a') })
  chat({ runId: 'new', state: 'final', message: message('a b') })
  expect(chunks).toEqual([{ kind: 'resumed' }, { kind: 'text', text: 'a' }])
  expect((await rest()).ends).toEqual([{ kind: 'answered', text: 'a b' }])
})

test('run: a second key of the question is not reported as resumed', () => {
  const { run, chunks, chat } = setUp()
  run.addKey('k#2')
  chat({ runId: 'k#2', state: 'delta', message: message('a') })
  expect(chunks).toEqual([{ kind: 'text', text: 'a' }])
})

test('run: events of other sessions are ignored', async () => {
  const { chunks, chat, rest } = setUp()
  chat({ sessionKey: `${sessionKey}2`, state: 'delta', message: message('not ours') })
  chat({ sessionKey: undefined, state: 'final', message: message('not ours') })
  expect([chunks, await rest()]).toEqual([[], { ends: [], wakes: 0 }])
})

test('run: session keys are compared without case', () => {
  const chunks: ReplyChunk[] = []
  const run = new Run('k', sessionKey.replace('zhangsan', 'ZhangSan'), 0, chunk => void chunks.push(chunk))
  run.handleEvent('chat', { runId: 'k', sessionKey, state: 'delta', message: message('a') }, 1)
  expect(chunks).toHaveLength(1)
})

test('run: unknown events are ignored', async () => {
  const { chunks, chat, emit, rest } = setUp()
  chat({ state: 'pondering' })
  chat({})
  emit('agent', { stream: 'tool' })
  emit('agent', {})
  expect([chunks, await rest()]).toEqual([[], { ends: [], wakes: 0 }])
})

test.each([
  ['⚠️ LLM request failed (authentication failed, HTTP 401). Re-authenticate the provider.', 'model_auth'],
  ['⚠️ API rate limit reached. Please try again later.', 'model_rate'],
  ['LLM request timed out.', 'model_timeout'],
  ['Request timeout', 'model_timeout'],
  ['the context window is too small', 'model_context'],
  ['the model failed to generate anything', 'model_error'],
  ['', 'model_error'],
] as const)('run: a failure that only the history has gets its cause from its words: %s', (words, cause) => {
  expect(failureFrom(words)).toEqual({ cause, ...(words !== '' && { error: words }) })
})

const superseded = 'Error: prepared model runtime plugin generation was superseded for agent:main'

test('run: a run that the gateway ends before it begins is asked again, three times at most', async () => {
  const { run, chunks, chat, rest } = setUp()
  for (const runId of ['k', 'k#2', 'k#3']) {
    run.addKey(runId)
    chat({ runId, state: 'status', phase: 'preparing_workspace' })
    chat({ runId, state: 'error', errorMessage: superseded })
    chat({ runId, state: 'error', errorMessage: `⚠️ Agent failed before reply: ${superseded}` })
  }
  expect(chunks.filter(({ kind }) => kind === 'asked_again')).toHaveLength(3)
  expect([...run.superseded]).toEqual(['k', 'k#2', 'k#3'])
  expect((await rest()).ends).toEqual([])
  run.addKey('k#4')
  chat({ runId: 'k#4', state: 'error', errorMessage: superseded })
  expect((await rest()).ends).toMatchObject([{ kind: 'failed', reason: 'error' }])
})

test('run: one that has said or done something is not asked again', async () => {
  for (const begin of ['text', 'tool']) {
    const { chat, emit, rest } = setUp()
    if (begin === 'text') chat({ state: 'delta', message: message('a') })
    else emit('agent', { stream: 'tool', data: { phase: 'start' } })
    chat({ state: 'error', errorMessage: superseded })
    expect((await rest()).ends).toMatchObject([{ kind: 'failed' }])
  }
})
