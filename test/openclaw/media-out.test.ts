import { afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { OpenClaw } from '../../scripts/openclaw.ts'
import type { AgentFile } from '../../src/domain/agent.ts'
import { closeAgents, linkAgent } from '../gateway/agents.ts'
import { pngOf } from '../gateway/files.ts'
import { until } from '../scenarios/until.ts'
import { openclawSuite, restartWithinMs, sharedGateway, withoutOpenClaw } from './gateway.ts'

let claw: OpenClaw
const picture = pngOf(40)
const table = Buffer.from('a,b\n1,2\n')

async function open(name: string) {
  const linked = linkAgent(claw.url, claw.token)
  await until('the link', () => linked.agent.status().state === 'up')
  const sessionKey = `agent:main:wecom:default:direct:out-${name}`
  const key = `out-${crypto.randomUUID()}`
  const say = (message: string, more = {}) => linked.ask(key, message, { sessionKey, ...more })
  const sayForFiles = (message: string, count: number) => linked.askForFiles(key, message, count, { sessionKey })
  const collect = (files: readonly AgentFile[], index: number) =>
    linked.agent.collect(sessionKey, files[index]?.id ?? '', `f${index}`)
  return { ...linked, say, sayForFiles, collect }
}

const kept = (bytes: Uint8Array) => ({
  kind: 'kept',
  bytes: bytes.length,
  digest: createHash('sha256').update(bytes).digest('hex'),
})

describe.skipIf(withoutOpenClaw)(openclawSuite('media out'), () => {
  beforeAll(async () => {
    claw = await sharedGateway()
    for (const [name, bytes] of Object.entries({ 'out.png': picture, 'a.csv': table, 'a.html': Buffer.from('<p>') })) {
      writeFileSync(`${claw.folder}/workspace/${name}`, bytes)
    }
  }, 600_000)
  afterEach(closeAgents)

  test("openclaw: an answer's files are fetched intact, HTML is refused", async () => {
    const { sayForFiles, collect } = await open('both')
    const { end, files } = await sayForFiles('[say x\nMEDIA:./out.png\nMEDIA:./a.csv\nMEDIA:./a.html]', 3)
    expect(end).toMatchObject({ text: 'x', search: { named: ['out.png', 'a.csv', 'a.html'], others: 'none' } })
    expect(files).toEqual([
      { id: expect.any(String), fileName: 'out.png', mimeType: 'image/png' },
      { id: expect.any(String), fileName: 'a.csv', mimeType: 'text/csv' },
      { fileName: 'a.html', mimeType: 'text/html' },
    ])
    expect<object>(await collect(files, 0)).toEqual(kept(picture))
    expect<object>(await collect(files, 1)).toEqual(kept(table))
    expect(await collect(files, 2)).toEqual({ kind: 'failed', problem: 'gone' })
  })

  test('openclaw: the names in an answer are the names of its files', async () => {
    writeFileSync(`${claw.folder}/workspace/c d.csv`, 'c,d\n1,2\n')
    const { sayForFiles } = await open('names')
    const { end, files } = await sayForFiles(
      '[say x\nMEDIA:./c d.csv\nmedia: "./out.png"\nMEDIA:./none.csv ./a.csv]',
      4,
    )
    const names = ['c d.csv', 'out.png', 'none.csv', 'a.csv']
    expect(end).toMatchObject({ text: 'x', search: { named: names } })
    expect(files.map(({ fileName }) => fileName).toSorted()).toEqual(names.toSorted())
  })

  test('openclaw: an answer with only a file, live and from the history', async () => {
    const { say, sayForFiles } = await open('alone')
    const { end, files } = await sayForFiles('[say MEDIA:./out.png]', 1)
    expect(end).toMatchObject({ kind: 'answered', text: '', search: { named: ['out.png'] } })
    const again = await say('[say MEDIA:./out.png]', { asked: { at: 0, bootId: 'another' } })
    expect(again).toMatchObject({ kind: 'answered', text: '', files })
  })

  test('openclaw: a quoted MEDIA line stays text and causes no wait', async () => {
    const { say } = await open('text')
    expect(await say('[say see MEDIA:./a.csv here]')).toEqual({ kind: 'answered', text: 'see MEDIA:./a.csv here' })
  })

  test(
    "openclaw: a tool's file is fetched even after a gateway restart",
    async () => {
      const { sayForFiles, collect, agent } = await open('tool')
      const args = JSON.stringify({ command: "printf '1,2\\n' > made.csv; printf 'done\\nMEDIA:./made.csv'" })
      const { files } = await sayForFiles(`[tool exec ${args}]`, 1)
      expect(files).toMatchObject([{ fileName: 'made.csv', mimeType: 'text/csv' }])
      await claw.stop('SIGTERM')
      expect(await collect(files, 0)).toEqual({ kind: 'later' })
      await claw.start()
      await until('the link', () => agent.status().state === 'up', 60_000)
      expect<object>(await collect(files, 0)).toEqual(kept(Buffer.from('1,2\n')))
    },
    restartWithinMs,
  )
})
