import { afterEach, expect, test } from 'bun:test'
import { Questions } from '../../src/gateway/chat/questions.ts'
import type { AgentQuestion } from '../../src/domain/turn.ts'
import type { EchoQuestion } from '../../src/playground/gateway/questions.ts'
import { connectClient } from '../openclaw/client.ts'
import { quietWorld } from '../scenarios/daemon.ts'
import { until } from '../scenarios/until.ts'
import { Links, reach } from './links.ts'
import { hello, users } from './raw-gateway.ts'

const links = new Links()
afterEach(() => links.closeAll())

const sessionKey = 'agent:main:wecom:default:direct:zhangsan'
const which: EchoQuestion = { questionId: 'q1', header: 'Wine', question: 'Which?', options: [] }

/** A users' link, and what it reports of questions. */
async function listen(url: string) {
  const opened = links.link({ url })
  const { methods } = new Questions(opened.connection, { clock: opened.clock, log: quietWorld().log })
  const waiting = new Map<string, AgentQuestion>()
  methods.onQuestion(
    (question, isOver) => void (isOver ? waiting.delete(question.id) : waiting.set(question.id, question)),
  )
  await reach(opened, 'up')
  return { opened, waiting, answer: methods.answerQuestion }
}

/** A gateway whose agent asks for each message, and a client to send one. */
async function asking(scopes = users) {
  const gateway = links.echo({
    *script() {
      yield { kind: 'question', questions: [which], reply: replies => `told ${JSON.stringify(replies)}` }
    },
  })
  const client = await connectClient({ url: gateway.url, token: 'link-token' }, scopes)
  links.closeLater(client)
  const ask = (key: string) => {
    const end = client.event(({ runId, state }, name) => name === 'chat' && runId === key && state === 'final')
    return client.request('chat.send', { sessionKey, message: key, idempotencyKey: key }).then(() => end)
  }
  return { gateway, ask }
}

test('questions: one is reported with its items, and gone when it is answered', async () => {
  const { gateway, ask } = await asking()
  const { waiting, answer } = await listen(gateway.url)
  const end = ask('k1')
  const [question] = await until('the question', () => waiting.size === 1 && [...waiting.values()])
  expect(question).toMatchObject({
    sessionKey,
    items: [{ id: 'q1', header: 'Wine', text: 'Which?', options: [], isMultiple: false }],
    expiresAt: expect.any(Number),
  })
  expect(await answer(question?.id ?? '', { q1: ['red'] })).toBe(true)
  expect(JSON.stringify(await end)).toContain('red')
  await until('it to be over', () => waiting.size === 0)
  expect(await answer(question?.id ?? '', { q1: ['red'] })).toBe(false)
  expect(await answer('nobody knows', { q1: ['red'] })).toBe(false)
})

test('questions: after a break the waiting ones are reported again, and answered ones are over', async () => {
  const { gateway, ask } = await asking()
  const { opened, waiting, answer } = await listen(gateway.url)
  const other = await listen(gateway.url)
  void ask('k1')
  const [id = ''] = await until('the question', () => waiting.size === 1 && [...waiting.keys()])
  opened.reopen('ws://127.0.0.1:9')
  await until('the link to be down', () => opened.connection.status.state === 'down')
  await other.answer(id, { q1: ['white'] })
  opened.reopen(gateway.url)
  await until('it to be over', () => waiting.size === 0)
  expect(await answer(id, { q1: ['red'] })).toBe(false)
  const late = await listen(gateway.url)
  expect(late.waiting.size).toBe(0)
})

test('questions: a new link learns what was asked before', async () => {
  const { gateway, ask } = await asking()
  void ask('k1')
  const { waiting } = await listen(gateway.url)
  await until('the question', () => waiting.size === 1)
})

test('questions: without the scope on the asking link the agent learns at once that it cannot ask', async () => {
  const { ask } = await asking(['operator.read', 'operator.write'])
  expect(JSON.stringify(await ask('k1'))).toContain('told undefined')
})

test('questions: secrets and what cannot be read are not shown', async () => {
  const gateway = links.raw(() => hello())
  const { waiting } = await listen(gateway.url)
  const secret = { questionId: 's', header: 'API key', question: 'The key?', options: [], isSecret: true }
  const send = (payload: object) => gateway.send({ type: 'event', event: 'question.requested', payload })
  send({ id: 'a', sessionKey, questions: [secret] })
  send({ id: 'b', sessionKey, questions: [] })
  send({ id: 'c', questions: [which] })
  send({ id: 'd', sessionKey, questions: [which], status: 'answered' })
  send({ id: 'e', sessionKey, questions: [which] })
  await until('the last', () => waiting.size > 0)
  expect([...waiting.keys()]).toEqual(['e'])
})
