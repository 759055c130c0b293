import { afterEach, expect, test } from 'bun:test'
import { decrypt } from '@wecom/crypto'
import { isObject, parseObject } from '../../src/domain/json.ts'
import type { Exchange } from '../../src/playground/tenant/wire.ts'
import { type EchoRig, openEchoRig } from '../kill/rig.ts'
import { botKey } from './daemon.ts'
import { until } from './until.ts'

let rig: EchoRig | undefined

afterEach(async () => {
  await rig?.close()
  rig = undefined
})

/** The answer's plaintext, opened by the official package from the bytes that travelled. */
function opened(exchange: Exchange | undefined): Record<string, unknown> {
  const sealed = parseObject(exchange?.raw ?? '')?.['encrypt']
  const plain = typeof sealed === 'string' ? parseObject(decrypt(botKey, sealed).message) : undefined
  if (plain === undefined) throw new Error(`not an answer: ${exchange?.status} ${exchange?.raw}`)
  return plain
}

function streamIdOf(plain: Record<string, unknown>): unknown {
  return isObject(plain['stream']) ? plain['stream']['id'] : undefined
}

test('duplicates: the same msgid five times at once and again after a kill -9 is one answer and one ask', async () => {
  const hold = Promise.withResolvers<void>()
  rig = await openEchoRig({
    tenant: { strict: true },
    echo: {
      async *script(message) {
        yield { kind: 'say', text: 'I am thinking about it. ' }
        await hold.promise
        yield { kind: 'say', text: `You said: ${message}` }
      },
    },
  })
  const { daemon, tenant, echo } = rig

  const bubble = tenant.say({ userid: 'ZhangSan', text: '五次', msgid: 'twin-1' })
  await Promise.all([bubble.opened, ...Array.from({ length: 4 }, () => bubble.deliverAgain())])
  const five = bubble.captured.filter(exchange => exchange.kind === 'message').map(opened)
  expect(five).toHaveLength(5)
  await until('the first words are shown', () => bubble.text.includes('thinking'))

  bubble.stopPolling()
  await daemon.kill()
  await daemon.start()
  const sixth = opened(await bubble.deliverAgain())

  const first = five[0] ?? {}
  expect(streamIdOf(first)).toBeString()
  for (const answer of [...five, sixth]) expect(answer).toEqual(first)

  hold.resolve()
  bubble.resumePolling()
  await bubble.finished
  expect(bubble.text).toBe('I am thinking about it. You said: 五次')
  expect(tenant.violations()).toEqual([])
  expect(echo.asks().map(asked => asked.key)).toEqual(['wecom:default:twin-1'])
})
