import { beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { OpenClaw } from '../../scripts/openclaw.ts'
import { untilAdmin } from '../scenarios/daemon.ts'
import { until } from '../scenarios/until.ts'
import { useDaemon } from '../scenarios/use-daemon.ts'
import { connectClient, type Payload } from './client.ts'
import { useFronts } from './front.ts'
import { openclawSuite, sharedGateway, withoutOpenClaw } from './gateway.ts'
import { methodsOf, Recorder } from './recorder.ts'

let gateway: OpenClaw
const daemon = useDaemon()
const openFront = useFronts()
const template = mkdtempSync(join(tmpdir(), 'wecomd-template-'))
const suffix = 'a1'

async function open(url = gateway.url) {
  writeFileSync(join(template, 'AGENTS.md'), `Told by the template ${suffix}.\n`)
  await daemon.open({
    gatewayUrl: { url, token: gateway.token },
    tenant: { refreshMs: 200 },
    bot: { dm: { policy: 'open' } },
    channel: {
      dynamicAgents: { enabled: true, adminUsers: ['boss'], workspaceTemplate: template },
    },
  })
  await untilAdmin(daemon)
  return async (userid: string, text: string) => (await daemon.tenant.say({ userid, text }).finished).text
}

async function agents(): Promise<readonly Payload[]> {
  const client = await connectClient(gateway)
  const { agents: list } = await client.request('agents.list', {})
  client.close()
  return list as readonly Payload[]
}

describe.skipIf(withoutOpenClaw)(openclawSuite('openclaw dynamic agents'), () => {
  beforeAll(async () => {
    gateway = await sharedGateway()
  }, 600_000)

  test("openclaw: a user's agent is created once, from the template", async () => {
    const recorder = new Recorder()
    const front = openFront(gateway.url, {}, recorder.onFrame)
    const say = await open(front.url)
    const user = `owner-${suffix}`
    expect(await say(user, '[say one] canary')).toBe('one')
    expect(await say(user, '[say two] canary')).toBe('two')
    const made = (await agents()).find(({ id }) => id === `wecom-dm-${user}`)
    expect(readFileSync(join(String(made?.['workspace']), 'AGENTS.md'), 'utf8')).toContain(suffix)
    const request = gateway.model.requests.findLast(({ said }) => said === '[say two] canary')
    expect(request?.system).toContain(`Told by the template ${suffix}.`)
    expect(methodsOf(recorder.admins())).toEqual([
      'connect',
      'exec.approval.list',
      'plugin.approval.list',
      'agents.files.list',
      'agents.create',
      'agents.files.set',
    ])
    expect(recorder.admins().flatMap(({ sent }) => sent.filter(text => text.includes('canary')))).toEqual([])
  })

  test('openclaw: six new users and an administrator are answered at once', async () => {
    const say = await open()
    const users = Array.from({ length: 6 }, (_, index) => `crowd${index}-${suffix}`)
    const answers = users.map(user => say(user, `[say ${user}]`))
    const turns = ['turn0', 'turn1', 'turn2', 'turn3']
    const replies: string[] = []
    for (const turn of turns) replies.push(await say('boss', `[say ${turn}]`))
    expect(replies).toEqual(turns)
    expect(await Promise.all(answers)).toEqual(users)
  }, 120_000)

  test('openclaw: a removed agent is created again', async () => {
    const say = await open()
    const user = `gone-${suffix}`
    expect(await say(user, '[say one]')).toBe('one')
    const client = await connectClient(gateway, ['operator.admin'])
    await client.request('agents.delete', { agentId: `wecom-dm-${user}` })
    client.close()
    await until('it to be gone', async () => !(await agents()).some(({ id }) => id === `wecom-dm-${user}`))
    expect(await say(user, '[say two]')).toBe('two')
    rmSync(template, { recursive: true, force: true })
  }, 120_000)
})
