import { expect, test } from 'bun:test'
import type { ReplyChunk, RunEnd } from '../../src/domain/agent.ts'
import { Run } from '../../src/gateway/chat/run.ts'

const sessionKey = 'agent:main:wecom:default:direct:zhangsan'
const message = (text: string) => ({ role: 'assistant', content: [{ type: 'text', text }] })

function setUp() {
  const chunks: ReplyChunk[] = []
  const run = new Run('k', sessionKey, 1_000, chunk => void chunks.push(chunk))
  const ends: RunEnd[] = []
  void run.ended.then(end => ends.push(end))
  let pokes = 0
  const listen = () => void run.stirred().then(() => [pokes++, listen()])
  listen()
  const hear = (event: string, payload: object, now = 2_000) =>
    run.hear(event, { runId: 'k', sessionKey, ...payload }, now)
  const rest = async () => {
    await new Promise<void>(resolve => setImmediate(resolve))
    return { ends, pokes }
  }
  return { run, chunks, chat: (payload: object, now?: number) => hear('chat', payload, now), hear, rest }
}

test('run: snapshots are reported as they come and the final answer ends it', async () => {
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

test('run: phases of the gateway and its tools are reported in our words', () => {
  const { chunks, chat, hear } = setUp()
  for (const phase of ['preparing_workspace', 'naming_worktree', 'starting_model']) chat({ state: 'status', phase })
  for (const phase of ['start', 'update', 'result']) hear('agent', { stream: 'tool', data: { phase, name: 'exec' } })
  hear('agent', { stream: 'lifecycle', data: { phase: 'start' } })
  expect(chunks.map(chunk => (chunk.kind === 'phase' ? chunk.phase : chunk.kind))).toEqual([
    'starting',
    'starting',
    'thinking',
    'tool',
    'thinking',
  ])
})

test('run: an error that is said twice is one end', async () => {
  const { chat, rest } = setUp()
  chat({ state: 'error', seq: 9, errorMessage: 'LLM request failed: provider rejected' })
  chat({ state: 'error', seq: 1, errorMessage: '⚠️ Agent failed before reply: …' })
  expect((await rest()).ends).toEqual([{ kind: 'failed', reason: 'error', text: '' }])
})

test('run: a final without a message may be a queue, so the history is looked at', async () => {
  const { run, chat, rest } = setUp()
  chat({ state: 'final', seq: 1 }, 7_000)
  expect(await rest()).toEqual({ ends: [], pokes: 1 })
  expect(run.emptyEndAt).toBe(7_000)
})

test('run: a final whose message is empty is an empty answer', async () => {
  const { chat, rest } = setUp()
  chat({ state: 'final', message: message(' \n') })
  expect((await rest()).ends).toEqual([{ kind: 'empty' }])
})

const end = (text: string) => ({
  stream: 'lifecycle',
  data: { phase: 'end', terminalReply: { disposition: 'visible', text }, terminalReceipt: { successfulToolNames: [] } },
})

test('run: a final without a message whose files are named is an answer without text', async () => {
  const { run, chat, hear, rest } = setUp()
  hear('agent', end('MEDIA:./a.csv'))
  chat({ state: 'final', seq: 10 })
  expect((await rest()).ends).toEqual([{ kind: 'answered', text: '' }])
  expect(run.ending?.reply).toBe('MEDIA:./a.csv')
})

test('run: whether files may come is known from its last event, until another run answers', () => {
  const { run, hear } = setUp()
  expect(run.mayGetFiles).toBe(true)
  hear('agent', { ...end('MEDIA:./a.csv'), runId: 'other' })
  expect(run.mayGetFiles).toBe(true)
  hear('agent', end('x'))
  hear('agent', { stream: 'lifecycle', data: { phase: 'finishing' } })
  expect(run.mayGetFiles).toBe(false)
  run.adopt('new')
  expect(run.mayGetFiles).toBe(true)
})

test('run: an abort ends it with what there is', async () => {
  const { chat, rest } = setUp()
  chat({ state: 'aborted', stopReason: 'rpc', message: message('par') })
  expect((await rest()).ends).toEqual([{ kind: 'stopped', text: 'par' }])
})

test('run: an abort before the first word ends it as well', async () => {
  const { chat, rest } = setUp()
  chat({ state: 'aborted', stopReason: 'rpc' })
  expect((await rest()).ends).toEqual([{ kind: 'stopped', text: '' }])
})

test('run: a model that says nothing twice is an empty answer, not a stopped one', async () => {
  const { chat, rest } = setUp()
  chat({ state: 'aborted', stopReason: 'stop' })
  chat({ state: 'error', seq: 1, errorMessage: "⚠️ Agent couldn't generate a response." })
  expect((await rest()).ends).toEqual([{ kind: 'empty' }])
})

const notEnds: readonly [string, object][] = [
  ['an abort because the gateway restarts', { state: 'aborted', stopReason: 'restart', message: message('par') }],
  [
    'a refusal of a gateway that drains',
    { state: 'error', errorMessage: 'GatewayDrainingError: Gateway is draining; x' },
  ],
  ['a key that the last boot spent', { state: 'error', errorMessage: 'Error: Pending input ownership ended; submit' }],
]
for (const [what, payload] of notEnds) {
  test(`run: ${what} is no end, the history decides`, async () => {
    const { chat, rest } = setUp()
    chat(payload)
    expect(await rest()).toEqual({ ends: [], pokes: 1 })
  })
}

test("run: somebody else's run makes it look at the history at its beginning and at its end only", async () => {
  const { chunks, chat, hear, rest } = setUp()
  const pokes: number[] = []
  for (const state of ['status', 'delta', 'delta', 'final', 'delta']) {
    chat({ runId: 'x', state, message: message('not ours') })
    pokes.push((await rest()).pokes)
  }
  hear('agent', { runId: 'y', stream: 'tool', data: { phase: 'start' } })
  expect(pokes).toEqual([1, 1, 1, 2, 2])
  expect([chunks, (await rest()).ends]).toEqual([[], []])
})

test('run: an adopted run speaks for us, and its adoption is told once', async () => {
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

test('run: a second key of the question is ours without anything having been resumed', () => {
  const { run, chunks, chat } = setUp()
  run.own('k#2')
  chat({ runId: 'k#2', state: 'delta', message: message('a') })
  expect(chunks).toEqual([{ kind: 'text', text: 'a' }])
})

test('run: events of other sessions are not heard, whatever run they name', async () => {
  const { chunks, chat, rest } = setUp()
  chat({ sessionKey: `${sessionKey}2`, state: 'delta', message: message('not ours') })
  chat({ sessionKey: undefined, state: 'final', message: message('not ours') })
  expect([chunks, await rest()]).toEqual([[], { ends: [], pokes: 0 }])
})

test('run: the gateway lower-cases session keys, ours may have capitals', () => {
  const chunks: ReplyChunk[] = []
  const run = new Run('k', sessionKey.replace('zhangsan', 'ZhangSan'), 0, chunk => void chunks.push(chunk))
  run.hear('chat', { runId: 'k', sessionKey, state: 'delta', message: message('a') }, 1)
  expect(chunks).toHaveLength(1)
})

test('run: events of kinds that we do not know do no harm', async () => {
  const { chunks, chat, hear, rest } = setUp()
  chat({ state: 'pondering' })
  chat({})
  hear('agent', { stream: 'tool' })
  hear('agent', {})
  expect([chunks, await rest()]).toEqual([[], { ends: [], pokes: 0 }])
})
