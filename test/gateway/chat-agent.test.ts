import { afterEach, expect, test } from 'bun:test'
import { bigAnswer, echoScript } from '../../src/playground/gateway/runs/script.ts'
import { until } from '../scenarios/until.ts'
import { answerTo, closeAgents, openAgent, sessionKey } from './agents.ts'

afterEach(closeAgents)

test('agent: a long answer is read whole from the history', async () => {
  const long = bigAnswer(30_000)
  const { gateway, ask } = await openAgent({
    script: function* () {
      yield { kind: 'wait', ms: 50 }
      yield { kind: 'say', text: long }
    },
  })
  const answer = ask('k', 'long')
  await until('the question', () => gateway.asks().length === 1)
  await gateway.kill()
  gateway.start()
  expect(await answer).toMatchObject({ kind: 'answered', text: long })
})

test('agent: a question past its deadline is not asked', async () => {
  const { gateway, ask } = await openAgent()
  expect(await ask('k', 'late', { askBefore: 1 })).toEqual({ kind: 'expired' })
  expect(gateway.asks()).toEqual([])
})

test('agent: the mark is stored before sending, with the boot id', async () => {
  const { gateway, ask } = await openAgent()
  const marked = Promise.withResolvers<void>()
  const boots: string[] = []
  const mark = (bootId: string) => {
    boots.push(bootId)
    return marked.promise
  }
  const answer = ask('k', 'hi', { mark })
  await until('the mark', () => boots.length === 1)
  expect([gateway.asks().length, boots]).toEqual([0, [gateway.bootId()]])
  marked.resolve()
  expect(await answer).toMatchObject({ kind: 'answered' })
})

test('agent: a cancelled question is found again and not asked twice', async () => {
  const { gateway, ask, rows } = await openAgent()
  const controller = new AbortController()
  const first = ask('k', 'hi', {}, controller.signal).catch(error => error.code)
  await until('the row', () => rows().includes('k:user'))
  controller.abort()
  expect(await first).toBe('cancelled')
  const asked = { at: 0, bootId: gateway.bootId() }
  expect(await ask('k', 'hi', { asked })).toEqual({ kind: 'answered', text: answerTo('hi') })
  expect(rows().filter(row => row === 'k:user')).toHaveLength(1)
  expect(gateway.asks()).toHaveLength(1)
})

test('agent: a question interrupted by a crash moves to the next key', async () => {
  const { gateway, ask, rows } = await openAgent({ rowAfterMs: 300 })
  expect(await ask('j', 'first')).toMatchObject({ kind: 'answered' })
  const answer = ask('k', 'second')
  await until('the question', () => gateway.asks().some(one => one.key === 'k'))
  await gateway.kill()
  gateway.start()
  expect(await answer).toEqual({ kind: 'answered', text: answerTo('second') })
  expect(rows().filter(row => row.startsWith('k'))).toEqual(['k#2:user'])
})

test('agent: abort stops a run that was resumed under another id', async () => {
  const { gateway, agent, ask, chunks } = await openAgent({ resumeAfterMs: 50, script: echoScript })
  const answer = ask('k', '[hang]')
  await until('the first text', () => chunks.some(chunk => chunk.kind === 'text'))
  await gateway.kill()
  gateway.start()
  await until('the resumed run', () => chunks.some(chunk => chunk.kind === 'resumed'))
  await agent.abort('k', sessionKey)
  expect(await answer).toMatchObject({ kind: 'stopped' })
})

test('agent: aborting an unknown question is harmless', async () => {
  const { agent } = await openAgent()
  expect(await agent.abort('nobody', sessionKey)).toBeUndefined()
})

test('agent: a busy session is reported and waited for', async () => {
  const { gateway, ask, chunks, rows } = await openAgent()
  const other = ask('other', 'theirs')
  await until('their run', () => rows().includes('other:user'))
  expect(await ask('k', 'ours')).toEqual({ kind: 'answered', text: answerTo('ours') })
  expect(await other).toEqual({ kind: 'answered', text: answerTo('theirs') })
  expect(chunks).toContainEqual({ kind: 'phase', phase: 'occupied' })
  expect(gateway.asks().map(one => one.key)).toEqual(['other', 'k'])
})
