import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Emulated, a start takes seconds. */
const patienceMs = 120_000

const sample = {
  channels: { wecom: { bot: { token: 'sample', encodingAESKey: 'A'.repeat(43) } } },
  gateway: { url: 'ws://127.0.0.1:18789', token: 'sample' },
}

/** Starts a binary twice: for its `version`, which must be `expected`, and to `check` a config. Throws when it fails. */
export function startBinary(command: readonly string[], expected: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-release-'))
  try {
    const config = join(folder, 'wecomd.json5')
    writeFileSync(config, JSON.stringify(sample), { mode: 0o600 })
    const version = run([...command, 'version'], folder)
    if (version !== expected) throw new Error(`${command.join(' ')} is "${version}" and not "${expected}"`)
    run([...command, 'check', '--config', config], folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function run(command: readonly string[], cwd: string): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: cwd },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: patienceMs,
  })
  if (exitCode !== 0) throw new Error(`${command.join(' ')} failed\n${stdout.toString()}${stderr.toString()}`)
  return stdout.toString().trim()
}
