import { afterEach, beforeAll, describe, expect, test } from 'bun:test'
import type { OpenClaw } from '../../scripts/openclaw.ts'
import { closeAgents, linkAgent } from '../gateway/agents.ts'
import { csv, fileOf, noise, png, pngOf } from '../gateway/files.ts'
import { until } from '../scenarios/until.ts'
import { connectClient, type Payload } from './client.ts'
import { openclawSuite, sharedGateway, withoutOpenClaw } from './gateway.ts'

let claw: OpenClaw
const session = (id: string) => `agent:main:wecom:default:direct:media-${id}`

/** The hashes of all files the gateway stored under a matching name. */
async function keptLike(pattern: string): Promise<readonly string[]> {
  const paths = await Array.fromAsync(new Bun.Glob(`**/media/inbound/**/*${pattern}`).scan(claw.folder))
  const hash = async (path: string) =>
    new Bun.CryptoHasher('sha256').update(await Bun.file(`${claw.folder}/${path}`).bytes()).digest('hex')
  return await Promise.all(paths.map(hash))
}

async function rowsOf(sessionKey: string): Promise<readonly Payload[]> {
  const client = await connectClient(claw)
  const { messages } = await client.request('chat.history', { sessionKey })
  client.close()
  return messages as readonly Payload[]
}

describe.skipIf(withoutOpenClaw)(openclawSuite('media in'), () => {
  beforeAll(async () => {
    claw = await sharedGateway()
  }, 600_000)
  afterEach(closeAgents)

  async function open() {
    const linked = linkAgent(claw.url, claw.token)
    await until('the link', () => linked.agent.status().state === 'up')
    return linked
  }

  test('openclaw: an image and a table reach the model byte for byte', async () => {
    const { ask } = await open()
    const sessionKey = session('both')
    const key = `media-${crypto.randomUUID()}`
    const end = await ask(key, '[say seen]', { sessionKey, attachments: [png, csv] })
    expect(end).toEqual({ kind: 'answered', text: 'seen' })
    const request = claw.model.requests.find(({ system, prompt }) => `${system}${prompt}`.includes(sessionKey))
    expect(request?.messages.findLast(({ role }) => role === 'user')?.images).toBe(1)
    expect(request?.prompt).toContain('a,b\n1,2\n')
    expect(await keptLike('.png')).toContain(png.sha256)
    expect(await keptLike('.csv')).toContain(csv.sha256)
    const [row] = await rowsOf(sessionKey)
    expect(row).toMatchObject({
      content: '[say seen]',
      __openclaw: {
        media: [
          { kind: 'image', contentType: 'image/png', sizeBytes: png.bytes },
          { kind: 'document', contentType: 'text/csv', sizeBytes: csv.bytes, fileName: csv.fileName },
        ],
      },
    })
  })

  test('openclaw: two questions with the largest files keep the link up', async () => {
    const { agent, ask, statuses } = await open()
    const { attachmentBytes = 0 } = agent.limits() ?? {}
    const asks = ['one', 'two'].map(name => {
      const file = fileOf(`${name}.zip`, noise(attachmentBytes))
      return ask(`media-${crypto.randomUUID()}`, `[say ${name}]`, { sessionKey: session(name), attachments: [file] })
    })
    expect(await Promise.all(asks)).toEqual(['one', 'two'].map(text => ({ kind: 'answered', text })))
    expect(statuses).toEqual(['up'])
  })

  test('openclaw: an image over the limit is refused under any name', async () => {
    const { ask } = await open()
    const sessionKey = session('large')
    for (const kind of ['image', 'file'] as const) {
      const attachments = [fileOf('big.bin', pngOf(1_500), kind)]
      const end = await ask(`media-${crypto.randomUUID()}`, 'look', { sessionKey, attachments })
      expect(end).toMatchObject({ kind: 'failed', reason: 'error', text: '', failure: { cause: 'internal' } })
    }
    expect(await rowsOf(sessionKey)).toEqual([])
  })
})
