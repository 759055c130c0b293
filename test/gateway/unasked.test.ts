import { describe, expect, test } from 'bun:test'
import { decodeHistory } from '../../src/gateway/chat/history-rows.ts'
import { decodeFinal, unaskedAnswers } from '../../src/gateway/chat/unasked.ts'

const question = (key: string) => ({ role: 'user', content: 'q', idempotencyKey: `${key}:user` })
const answer = (runId: string | undefined, text = 'a', more: object = {}) => ({
  role: 'assistant',
  content: [{ type: 'text', text }],
  stopReason: 'stop',
  ...more,
  __openclaw: { ...(runId !== undefined && { runId }) },
})
const resumed = { role: 'user', content: '[System] interrupted', provenance: { kind: 'internal_system' } }
const reset = { role: 'system', content: '', __openclaw: { kind: 'reset' } }
const toolCall = (runId: string) => answer(runId, 'let me see', { stopReason: 'toolUse' })
const isOwn = (runId: string) => runId.startsWith('wecom:')

const table: readonly (readonly [name: string, rows: readonly object[], runIds: readonly string[]])[] = [
  ['an answer to our question', [question('wecom:a:1'), answer('wecom:a:1')], []],
  ['a report after an answer', [question('wecom:a:1'), answer('wecom:a:1'), answer('announce:x')], ['announce:x']],
  ['a report before an answer', [question('wecom:a:1'), answer('announce:x'), answer('wecom:a:1')], ['announce:x']],
  ['a follow-up under any id', [question('wecom:a:1'), answer('wecom:a:1'), answer('f1')], ['f1']],
  [
    'several',
    [question('k'), answer('k'), answer('f1'), answer('announce:x'), answer('f2')],
    ['f1', 'announce:x', 'f2'],
  ],
  ['several rows of one run', [question('k'), answer('k'), toolCall('f1'), answer('f1'), answer('f1')], ['f1']],
  ['an answer of another client', [question('k'), answer('k')], []],
  ['an answer of another client under a new id', [question('k'), answer('n1')], []],
  ['an answer of another client, and a follow-up', [question('k'), answer('n1'), answer('f1')], ['f1']],
  ['our answer, resumed', [question('wecom:a:1'), toolCall('wecom:a:1'), resumed, answer('r1')], []],
  ['our answer, resumed, and a report', [question('wecom:a:1'), resumed, answer('r1'), answer('f1')], ['f1']],
  ['our answer that had to wait', [question('wecom:a:1'), question('wecom:a:2'), answer('n1')], []],
  ['the answer to a command', [question('wecom:a:1'), answer(undefined), answer('f1')], ['f1']],
  ['the copy of what a plugin sent', [question('k'), answer('k'), answer('f1', 'a', { model: 'delivery-mirror' })], []],
  [
    'the text of an aborted run',
    [question('k'), answer('k'), answer('f1', 'a', { idempotencyKey: 'f1:assistant' })],
    [],
  ],
  ['rows whose question is not in this part', [answer('n1'), answer('n2'), question('k'), answer('k')], []],
  ['our run whose question is not in this part', [question('k'), answer('k'), answer('wecom:a:9')], []],
  ['a report first of all', [answer('announce:x')], ['announce:x']],
  ['what follows a reset', [reset, answer('f1')], ['f1']],
]
describe('what belongs to no question', () => {
  for (const [name, messages, runIds] of table) {
    test(`unasked: ${name}`, () => {
      expect(unaskedAnswers(decodeHistory({ messages }), isOwn).map(({ runId }) => runId)).toEqual([...runIds])
    })
  }
})

test('unasked: only the end of a run with a message counts', () => {
  const event = { sessionKey: 'agent:main:wecom:default:direct:Zhang', runId: 'r1', state: 'final', message: {} }
  expect(decodeFinal(event)).toEqual({ sessionKey: 'agent:main:wecom:default:direct:zhang', runId: 'r1' })
  expect(decodeFinal({ ...event, state: 'delta' })).toBeUndefined()
  expect(decodeFinal({ ...event, message: undefined })).toBeUndefined()
  expect(decodeFinal({ state: 'final', message: {} })).toBeUndefined()
})
