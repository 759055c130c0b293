/**
 * `bun run build` makes `dist/wecomd` for this host; with `--all` also one binary per target that we publish, and their
 * checksums. Bun gets the Bun of another target from npm (`@oven/bun-*`), once.
 */
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { version } from '../package.json'
import { fileOf, targets } from './release/targets.ts'

const root = normalize(join(import.meta.dir, '..'))
const dist = join(root, 'dist')

const flags = [
  '--compile',
  '--bytecode',
  '--format=esm',
  '--sourcemap',
  // A compiled binary would otherwise run what a .env or bunfig.toml in its working folder tells it to.
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
]

function git(...args: readonly string[]) {
  return Bun.spawnSync(['git', ...args], { cwd: root, stderr: 'ignore' })
}

/** The commit that is checked out, with a `+` when files differ from it; "unknown" outside git. */
function readCommit(): string {
  if (Bun.which('git') === null) return 'unknown'
  const commit = git('rev-parse', '--short=12', 'HEAD')
  if (commit.exitCode !== 0) return 'unknown'
  const isClean = git('status', '--porcelain', '--untracked-files=no').stdout.length === 0
  return `${commit.stdout.toString().trim()}${isClean ? '' : '+'}`
}

/** Compiles one binary; without `compileTarget` for the Bun that runs this. */
function compile(name: string, commit: string, target: string, compileTarget?: string): void {
  const stamps = { BUILD_VERSION: version, BUILD_COMMIT: commit, BUILD_TARGET: target }
  const defines = Object.entries(stamps).map(([name, value]) => `--define=${name}=${JSON.stringify(value)}`)
  // Built aside and moved into place, so that whoever runs the old binary keeps a whole one.
  const aside = join(dist, `.build-${process.pid}`)
  const outfile = `--outfile=${join(aside, name)}`
  const cross = compileTarget === undefined ? [] : [`--target=${compileTarget}`]
  const command = [process.execPath, 'build', join(root, 'src/main.ts'), ...flags, ...cross, ...defines, outfile]
  const run = Bun.spawnSync(command, { cwd: root, stdout: 'pipe', stderr: 'pipe' })
  if (run.exitCode !== 0) throw new Error(`building ${name} failed\n${run.stdout.toString()}${run.stderr.toString()}`)
  renameSync(join(aside, name), join(dist, name))
  rmSync(aside, { recursive: true })
  const megabytes = (Bun.file(join(dist, name)).size / 1e6).toFixed(1)
  console.log(`dist/${name}  ${megabytes} MB  ${version} ${commit} ${target}`)
}

async function writeChecksums(names: readonly string[]): Promise<void> {
  const lines = names.map(async name => {
    const hasher = new Bun.CryptoHasher('sha256')
    for await (const chunk of Bun.file(join(dist, name)).stream()) hasher.update(chunk)
    return `${hasher.digest('hex')}  ${name}\n`
  })
  await Bun.write(join(dist, 'SHA256SUMS'), (await Promise.all(lines)).join(''))
  console.log('dist/SHA256SUMS')
}

const commit = readCommit()
mkdirSync(dist, { recursive: true })
compile('wecomd', commit, `${process.platform}-${process.arch}`)
if (process.argv.includes('--all')) {
  for (const target of targets) compile(fileOf(target), commit, target, `bun-${target}`)
  await writeChecksums(targets.map(fileOf))
}
