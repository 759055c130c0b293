import { afterEach, expect, test } from 'bun:test'
import { type House, type HouseOptions, openHouse } from './house.ts'
import { until } from './until.ts'

let house: House
afterEach(() => house.close())

async function open(options: HouseOptions = {}): Promise<void> {
  house = await openHouse({ ...options, gateway: { permissionMode: 'full', ...options.gateway } })
}

type Found = { readonly state: string; readonly reason: string; readonly hint: string } | undefined
const safety = async () =>
  ((await house.api('/api/status')) as { components: { gateway: { state: string }; safety?: Found } }).components.safety
const warnings = () => house.log.filter(line => line.includes('can have commands executed'))

test('safety: an agent without limits that everybody reaches is warned about, with the setting to change', async () => {
  await open()
  const found = await until('the warning', safety)
  expect(found).toMatchObject({ state: 'unlimited', reason: expect.stringContaining(': main') })
  expect(found.hint).toContain('openclaw exec-policy preset cautious')
  expect(found.hint).toContain('agents.entries.main.tools.deny')
  expect(warnings()).toHaveLength(1)
})

test('safety: where only listed users reach it nothing is wrong, and a reload is enough to see that', async () => {
  await open()
  await until('the warning', safety)
  house.reconfigure({ bot: { dm: { applies: 'all' } } })
  await house.app.reload()
  await until('nothing to be wrong', async () => (await safety()) === undefined)
})

test('safety: an agent that asks first is fine', async () => {
  const asked = Promise.withResolvers<void>()
  const intercept = (stage: string, method: string) => {
    if (stage === 'answered' && method === 'config.get') asked.resolve()
  }
  await open({ gateway: { permissionMode: 'guarded', intercept } })
  await asked.promise
  await house.app.reload()
  expect([await safety(), warnings()]).toEqual([undefined, []])
})
