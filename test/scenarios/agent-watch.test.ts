import { expect, test } from 'bun:test'
import { type TestDaemonOptions } from './daemon.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const daemon = useDaemon()

async function open(options: TestDaemonOptions = {}): Promise<void> {
  await daemon.open({ ...options, gateway: { permissionMode: 'full', ...options.gateway } })
}

type Found = { readonly state: string; readonly reason: string; readonly hint: string } | undefined
const safety = async () =>
  ((await daemon.api('/api/status')) as { components: { gateway: { state: string }; safety?: Found } }).components
    .safety
const warnings = () => daemon.log.filter(line => line.includes('can run commands on the gateway host'))

test('agent watch: an agent without limits that everybody reaches is warned about, with the setting to change', async () => {
  await open()
  const found = await until('the warning', safety)
  expect(found).toMatchObject({ state: 'unlimited', reason: expect.stringContaining(': main') })
  expect(found.hint).toContain('openclaw exec-policy preset cautious')
  expect(found.hint).toContain('openclaw config set tools.deny')
  expect(warnings()).toHaveLength(1)
})

test('agent watch: with agents of their own, those of users are named before there is one', async () => {
  await open({ channel: { dynamicAgents: { enabled: true } } })
  expect((await until('the warning', safety)).reason).toEndWith(': main, the agents of users and groups')
  await until('the gateway link', async () => (await fetch(`${daemon.app.privateUrl}/readyz`)).status === 200)
  await daemon.tenant.say({ userid: 'lisi', text: 'hello' }).finished
  const binding = { agentId: 'wecom-dm-lisi', match: { channel: 'wecom', peer: { kind: 'direct', id: 'wangwu' } } }
  daemon.reconfigure({ channel: { dynamicAgents: { enabled: true } }, config: { bindings: [binding], language: 'en' } })
  await daemon.app.reload()
  const off = { enabled: true, dmCreateAgent: false, groupEnabled: false }
  daemon.reconfigure({ channel: { dynamicAgents: off } })
  await daemon.app.reload()
  await until('nothing about users', async () => (await safety())?.reason.endsWith(': main'))
  expect(daemon.log.join('\n')).not.toContain('lisi')
})

test('agent watch: where only listed users reach it nothing is wrong, and a reload is enough to see that', async () => {
  await open()
  await until('the warning', safety)
  daemon.reconfigure({ bot: { dm: { applies: 'all', policy: 'open' } } })
  await daemon.app.reload()
  expect(await safety()).toBeDefined()
  daemon.reconfigure({ bot: { dm: { applies: 'all' } } })
  await daemon.app.reload()
  await until('nothing to be wrong', async () => (await safety()) === undefined)
})

test('agent watch: an agent that asks first is fine', async () => {
  const asked = Promise.withResolvers<void>()
  const intercept = (stage: string, method: string) => {
    if (stage === 'answered' && method === 'config.get') asked.resolve()
  }
  await open({ gateway: { permissionMode: 'guarded', intercept } })
  await asked.promise
  await daemon.app.reload()
  expect([await safety(), warnings()]).toEqual([undefined, []])
})

test('agent watch: one that is bound and unknown to the gateway is in the status, and told to who is bound to it', async () => {
  const bindings = [
    { agentId: 'sales', match: { channel: 'wecom', peer: { kind: 'direct', id: 'lisi' } } },
    { agentId: 'elsewhere', match: { channel: 'wecom', accountId: 'none' } },
  ]
  await open({ config: { bindings, language: 'en' }, bot: { dm: { applies: 'all', policy: 'open' } } })
  const { agents } = await until('the status', async () => {
    const { components } = (await daemon.api('/api/status')) as { components: { agents?: Found } }
    return components.agents && components
  })
  expect(agents).toMatchObject({ state: 'unknown', reason: expect.stringContaining('has no agent sales,') })
  expect(agents?.hint).toContain('openclaw agents add sales')
  const { text } = await daemon.tenant.say({ userid: 'lisi', text: 'hello' }).finished
  expect(text).toContain("Your agent can't be found")
})
