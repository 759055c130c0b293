import { join } from 'node:path'
import { installOpenClaw } from '../openclaw.ts'
import type { Need } from './needs.ts'

/** What came of preparing. */
export interface Prepared {
  /** For the tests; it switches off what cannot run here. */
  readonly env: Readonly<Record<string, string>>
  /** Each counts as a failed test. */
  readonly failures: readonly string[]
}

/** Runs a command with its output on ours; resolves to its exit code. */
async function run(root: string, command: readonly string[]): Promise<number> {
  return await Bun.spawn([...command], { cwd: root, stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' }).exited
}

/** Prepares what the chosen tests need, and nothing else. With `isCi` the tests of a missing tool run and fail. */
export async function prepare(root: string, needs: ReadonlySet<Need>, isCi: boolean): Promise<Prepared> {
  const env: Record<string, string> = isCi ? { WECOMD_SKIP_CHROMIUM: '0' } : {}
  const failures: string[] = []
  if (needs.has('binary') && (await run(root, [process.execPath, join(root, 'scripts/build.ts')])) !== 0) {
    failures.push('bun run build failed')
  }
  if (needs.has('chromium') && !(await ensureChromium(root))) {
    console.log('Chromium is missing: its tests cannot run. Install it, for example `apt-get install chromium`.')
    if (!isCi) env['WECOMD_SKIP_CHROMIUM'] = '1'
  }
  if (needs.has('openclaw') && (isCi || process.env.WECOMD_SKIP_OPENCLAW !== '1')) {
    env['WECOMD_SKIP_OPENCLAW'] = '0'
    try {
      console.log(`OpenClaw is installed in ${(await installOpenClaw()).folder}`)
    } catch (error) {
      failures.push(`OpenClaw cannot be installed\n${String(error)}`)
      env['WECOMD_SKIP_OPENCLAW'] = '1'
    }
  }
  return { env, failures }
}

function hasChromium(): boolean {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  return names.some(name => Bun.which(name) !== null)
}

/** The tests of the page drive the system's Chromium. Where we may, we install it. */
async function ensureChromium(root: string): Promise<boolean> {
  if (hasChromium()) return true
  const mayInstall = process.getuid?.() === 0 && Bun.which('apt-get') !== null
  if (mayInstall && (await run(root, ['apt-get', 'update', '-qq'])) === 0) {
    await run(root, ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'chromium'])
  }
  return hasChromium()
}
