import { afterEach, expect, test } from 'bun:test'
import { listAgents } from '../../src/gateway/admin/agent-list.ts'
import { until } from '../scenarios/until.ts'
import { Links, reach } from './links.ts'
import { hello } from './raw-gateway.ts'

const links = new Links()
afterEach(() => links.closeAll())

/** The unlimited agents of a gateway with these permission modes, tools and agent entries. */
async function unlimited(modes: Readonly<Record<string, string | undefined>>, tools: object, entries: object = {}) {
  const agents = Object.entries(modes).map(([id, mode]) => ({ id, ...(mode && { defaultPermissionMode: mode }) }))
  const answers: Readonly<Record<string, object>> = {
    'agents.list': { agents },
    'config.get': { config: { tools, agents: { entries } } },
  }
  const gateway = links.raw(() => hello())
  const opened = links.link({ url: gateway.url })
  await reach(opened, 'up')
  const listed = listAgents(opened.connection)
  for (const method of ['agents.list', 'config.get']) {
    const request = await until(method, () => gateway.requests.find(one => one.method === method))
    gateway.send({ type: 'res', id: request.id, ok: true, payload: answers[method] ?? {} })
  }
  return (await listed).flatMap(({ id, isUnlimited }) => (isUnlimited ? [id] : []))
}

test('agent list: unlimited means exec without approval, and the exec tool', async () => {
  expect(await unlimited({ main: 'full', asks: 'guarded', none: 'read-only', listed: undefined }, {})).toEqual(['main'])
  expect(await unlimited({ main: 'full' }, { profile: 'coding', deny: ['browser'], allow: ['*'] })).toEqual(['main'])
})

test.each([
  ['tools.deny exec', { deny: ['exec'] }],
  ['tools.deny group:runtime', { deny: ['group:runtime'] }],
  ['tools.deny with a wildcard', { deny: ['ex*'] }],
  ['tools.allow without exec', { allow: ['read', 'message'] }],
  ['a profile without exec', { profile: 'messaging' }],
])('agent list: %s removes exec, for all agents or for one', async (_, tools) => {
  expect(await unlimited({ main: 'full', other: 'full' }, tools)).toEqual([])
  expect(await unlimited({ main: 'full', other: 'full' }, {}, { other: { tools } })).toEqual(['main'])
})

test("agent list: an agent's own profile replaces the global one", async () => {
  const own = { other: { tools: { profile: 'full' } } }
  expect(await unlimited({ main: 'full', other: 'full' }, { profile: 'messaging' }, own)).toEqual(['other'])
})
