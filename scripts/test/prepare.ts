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
  const env: Record<string, string> = isCi
    ? Object.fromEntries(debianTools.map(({ need }) => [skipVariable(need), '0']))
    : {}
  const failures: string[] = []
  if (needs.has('binary') && (await run(root, [process.execPath, join(root, 'scripts/build.ts')])) !== 0) {
    failures.push('bun run build failed')
  }
  for (const tool of debianTools) {
    if (!needs.has(tool.need) || (await ensureTool(root, tool))) continue
    console.log(
      `${tool.need} is missing: its tests cannot run. Install it, for example \`apt-get install ${tool.need}\`.`,
    )
    if (!isCi) env[skipVariable(tool.need)] = '1'
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

/** A program of Debian's package of the same name, and the names under which it may be installed already. */
interface DebianTool {
  readonly need: 'chromium' | 'zsh'
  readonly names: readonly string[]
}

const debianTools: readonly DebianTool[] = [
  { need: 'chromium', names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'] },
  { need: 'zsh', names: ['zsh'] },
]

function skipVariable(need: DebianTool['need']): string {
  return `WECOMD_SKIP_${need.toUpperCase()}`
}

/** Resolves to whether the tool is there; as root on Debian it is installed. */
async function ensureTool(root: string, { need, names }: DebianTool): Promise<boolean> {
  const isThere = () => names.some(name => Bun.which(name) !== null)
  if (isThere()) return true
  const mayInstall = process.getuid?.() === 0 && Bun.which('apt-get') !== null
  if (mayInstall && (await run(root, ['apt-get', 'update', '-qq'])) === 0) {
    await run(root, ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', need])
  }
  return isThere()
}
