import { expect, test } from 'bun:test'
import packageJson from '../../package.json'
import type { CliIo } from '../../src/cli/io.ts'
import { version } from '../../src/cli/version.ts'
import { WecomdError } from '../../src/errors.ts'

async function run(...args: readonly string[]) {
  const out: string[] = []
  const err: string[] = []
  const io: CliIo = {
    out: line => void out.push(line),
    err: line => void err.push(line),
    env: {},
    cwd: '.',
    isTty: false,
    openWorld: () => {
      throw new WecomdError('usage', 'version needs no world')
    },
    program: ['wecomd'],
    readInput: async () => new Uint8Array(),
    untilStopped: () => Promise.resolve('SIGTERM'),
  }
  return { code: await version(args, io), out, err }
}

test('version: one line says version, commit, Bun version and target', async () => {
  const { code, out, err } = await run()
  expect({ code, err }).toEqual({ code: 0, err: [] })
  expect(out).toHaveLength(1)
  expect(out[0]).toMatch(/^wecomd \d+\.\d+\.\d+ \([\w+]+, bun \d+\.\d+\.\d+, \w+-\w+\)$/)
  expect(out[0]).toContain(`wecomd ${packageJson.version} (`)
})

test('version: --json prints the same as an object', async () => {
  const { out } = await run('--json')
  expect(JSON.parse(out[0] ?? '')).toMatchObject({ version: packageJson.version, commit: 'source', bun: Bun.version })
})

test('version: an argument too many is a usage error', async () => {
  const { code, out, err } = await run('now')
  expect({ code, out }).toEqual({ code: 2, out: [] })
  expect(err[0]).toContain('"now"')
})
