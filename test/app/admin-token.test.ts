import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adminToken } from '../../src/app/state-folder.ts'
import type { Config } from '../../src/config/config.ts'
import { type AdminApi, startAdminListener } from '../../src/http/admin.ts'
import { createLog, realWorld } from '../../src/world.ts'

const stateDir = mkdtempSync(join(tmpdir(), 'wecomd-token-'))
const file = join(stateDir, 'admin-token')
const lines: string[] = []
const world = realWorld(
  createLog(
    line => void lines.push(line),
    () => 0,
    { level: 'debug', format: 'json' },
  ),
)
const withAdmin = (admin: object) => ({ admin }) as Config
const config = withAdmin({})
afterEach(() => {
  for (const name of readdirSync(stateDir)) rmSync(join(stateDir, name))
  lines.length = 0
})

describe('the generated admin token', () => {
  test('admin token: it is made once, with mode 0600, and leaves no draft', () => {
    const token = adminToken(config, stateDir, world)
    expect(token).toMatch(/^[\w-]{32}$/)
    expect([statSync(file).mode & 0o777, readdirSync(stateDir)]).toEqual([0o600, ['admin-token']])
    expect([adminToken(config, stateDir, world), lines]).toEqual([token, []])
  })

  for (const [name, text] of [
    ['empty', ''],
    ['only a line break', '\n'],
    ['cut off', 'dGhpcyBpcyBjdXQ'],
    ['full of zero bytes after a power cut', '\0'.repeat(32)],
    ['of two lines', `${'a'.repeat(20)}\n${'b'.repeat(20)}`],
  ] as const) {
    test(`admin token: a file that is ${name} is replaced, with a warning`, () => {
      writeFileSync(file, text)
      const token = adminToken(config, stateDir, world)
      expect(token).toMatch(/^[\w-]{32}$/)
      expect(readFileSync(file, 'utf8')).toBe(`${token}\n`)
      expect(lines.map(line => JSON.parse(line).level)).toEqual(['warn'])
      expect(lines.join()).not.toContain(token)
    })
  }

  test('admin token: the one of the config wins, and no file is made', () => {
    expect([adminToken(withAdmin({ token: 'short' }), stateDir, world), existsSync(file)]).toEqual(['short', false])
  })
})

test('admin token: an empty one matches no request', async () => {
  const api = new Proxy({} as AdminApi, { get: () => () => ({}) })
  const listener = startAdminListener({ host: '127.0.0.1', port: 0 }, () => '', api, world.log)
  const ask = async (headers: Readonly<Record<string, string>>) =>
    (await fetch(`${listener.url}/api/status`, { headers })).status
  const headers = [{}, { authorization: '' }, { authorization: 'Bearer' }, { authorization: 'Bearer ' }]
  expect(await Promise.all(headers.map(ask))).toEqual([401, 401, 401, 401])
  await listener.stop()
})
