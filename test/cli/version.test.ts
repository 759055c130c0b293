import { expect, test } from 'bun:test'
import packageJson from '../../package.json'
import { dispatchHere } from './in-process.ts'

test('version: one line says version, commit, Bun version and target', async () => {
  const { code, out, err } = await dispatchHere(['version'])
  expect({ code, err }).toEqual({ code: 0, err: [] })
  expect(out).toHaveLength(1)
  expect(out[0]).toMatch(/^wecomd \d+\.\d+\.\d+ \([\w+]+, bun \d+\.\d+\.\d+, \w+-\w+\)$/)
  expect(out[0]).toContain(`wecomd ${packageJson.version} (`)
})

test('version: --json prints the same as an object, and flags mean the command', async () => {
  for (const args of [
    ['version', '--json'],
    ['--version', '--json'],
    ['-v', '--json'],
    ['--json', '-V'],
  ]) {
    const { out } = await dispatchHere(args)
    expect(JSON.parse(out[0] ?? '')).toMatchObject({ version: packageJson.version, commit: 'source', bun: Bun.version })
  }
})
