/**
 * `bun run release VERSION [--sysroot TARGET=FOLDER …]` makes a release in `dist/`: binaries, SHA256SUMS and notes. It
 * commits the version and the changelog, and publishes, tags and pushes nothing.
 *
 * It starts every binary that this machine can start. Those of another CPU need qemu-user and libc6-arm64-cross (Debian),
 * those for musl a folder with an Alpine that has libstdc++. The notes name the others as unverified.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { parseArgs } from 'node:util'
import { checkVersion, cutRelease, setVersion } from './release/changelog.ts'
import { type Host, runnerOf } from './release/runner.ts'
import { startBinary } from './release/start.ts'
import { fileOf, type Target, targets } from './release/targets.ts'

const root = normalize(join(import.meta.dir, '..'))
const dist = join(root, 'dist')
const host: Host = { arch: process.arch, exists: existsSync, has: program => Bun.which(program) !== null }

function git(...args: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(['git', ...args], { cwd: root, stdout: 'pipe', stderr: 'pipe' })
  if (exitCode !== 0) throw new Error(`git ${args[0]} failed\n${stderr.toString()}`)
  return stdout.toString().trim()
}

/** Writes a file of the repository, if that changes it. */
function update(name: string, text: string): void {
  const path = join(root, name)
  if (readFileSync(path, 'utf8') !== text) writeFileSync(path, text)
}

/** Commits the version with its section of the changelog; returns that section. */
function commitVersion(version: string): string {
  if (git('status', '--porcelain') !== '') throw new Error('the working tree has changes: commit them first')
  const packageJson = readFileSync(join(root, 'package.json'), 'utf8')
  checkVersion((JSON.parse(packageJson) as { version: string }).version, version)
  const today = new Date().toISOString().slice(0, 10)
  const { changelog, notes } = cutRelease(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'), version, today)
  update('package.json', setVersion(packageJson, version))
  update('CHANGELOG.md', changelog)
  const subject = `release: cut ${version}`
  if (git('status', '--porcelain') !== '') {
    const why = 'The version and the date under which the changelog lists these changes.'
    git('commit', '--all', '--message', subject, '--message', why)
  }
  if (git('log', '-1', '--format=%s') !== subject)
    throw new Error(`check out the commit "${subject}" to build it again`)
  return notes
}

function buildAll(): void {
  const build = [process.execPath, join(root, 'scripts/build.ts'), '--all']
  const { exitCode } = Bun.spawnSync(build, { cwd: root, stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' })
  if (exitCode !== 0) throw new Error('the build failed; run the same command again once it is fixed')
}

/** Starts the binary of a target where that is possible; returns what the notes say about it. */
function verify(target: Target, version: string, commit: string, sysroot: string | undefined): string {
  const runner = runnerOf(target, sysroot, host)
  if ('missing' in runner) {
    console.log(`unverified ${target}: ${runner.missing}`)
    return 'unverified'
  }
  const expected = `wecomd ${version} (${commit}, bun ${Bun.version}, ${target})`
  startBinary([...runner.prefix, join(dist, fileOf(target))], expected)
  console.log(`started    ${target} ${runner.how}`)
  return `started ${runner.how}`
}

function notesOf(version: string, changes: string, states: ReadonlyMap<Target, string>): string {
  return [
    `# wecomd ${version}`,
    '',
    changes,
    '',
    '## Files',
    '',
    '| file | before release |',
    '|---|---|',
    ...Array.from(states, ([target, state]) => `| \`${fileOf(target)}\` | ${state} |`),
    '',
    'An unverified file was built but not started. The musl files need libstdc++ (Alpine: `apk add libstdc++`).',
    'Check a download with `sha256sum --check --ignore-missing SHA256SUMS`.',
    '',
  ].join('\n')
}

/** The folders of `--sysroot TARGET=FOLDER`. */
function sysrootsOf(pairs: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    pairs.map(pair => {
      const [target = '', folder = ''] = pair.split('=', 2)
      if (!targets.some(known => known === target)) throw new Error(`--sysroot: the targets are ${targets.join(', ')}`)
      if (!existsSync(folder)) throw new Error(`--sysroot: ${folder || 'a folder'} is missing`)
      return [target, folder]
    }),
  )
}

function release(args: readonly string[]): void {
  const options = { sysroot: { type: 'string', multiple: true, default: [] as string[] } } as const
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  const [version] = positionals
  if (version === undefined || positionals.length > 1) throw new Error('usage: bun run release VERSION')
  const sysroots = sysrootsOf(values.sysroot)
  const changes = commitVersion(version)
  buildAll()
  const commit = git('rev-parse', '--short=12', 'HEAD')
  const states = targets.map(target => [target, verify(target, version, commit, sysroots.get(target))] as const)
  writeFileSync(join(dist, 'RELEASE-NOTES.md'), notesOf(version, changes, new Map(states)))
  console.log('dist/RELEASE-NOTES.md')
  console.log(`Nothing is tagged or pushed. To publish: git tag v${version}, push both, upload dist/.`)
}

try {
  release(process.argv.slice(2))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
