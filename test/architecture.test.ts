import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { commands } from '../src/cli/table/commands.ts'
import { importsOf, placesOf, readSources, resolveImport, root, type Source, sourceOf } from './source.ts'

const everything = await readSources('src', '**/*')
const sources = everything.filter(source => source.path.endsWith('.ts') && !source.path.endsWith('.d.ts'))
const isPage = (source: Source) => source.path.startsWith('src/playground/page/')
const daemon = sources.filter(source => !isPage(source))

/**
 * The import table of docs/architecture.md: which folders of `src` a folder may import besides itself. `*` is every
 * folder. The folders in `split` are listed by subfolder.
 */
const direction: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  version: [],
  world: ['errors', 'domain'],
  domain: ['errors'],
  crypto: ['errors'],
  'core/text': ['errors', 'domain'],
  'core/notices': ['errors', 'domain', 'core/text'],
  'core/fallback': ['errors', 'domain', 'core/text', 'core/notices'],
  'core/cards': ['errors', 'domain', 'core/text', 'core/notices', 'core/fallback'],
  'core/streaming': ['errors', 'domain', 'core/text', 'core/notices', 'core/fallback', 'core/cards'],
  config: ['errors', 'domain', 'src/core/notices/texts.ts'],
  store: ['errors', 'domain', 'world'],
  'gateway/link': ['errors', 'domain', 'world'],
  'gateway/chat': ['errors', 'domain', 'world', 'gateway/link'],
  'gateway/admin': ['errors', 'domain', 'world', 'gateway/link', 'gateway/chat'],
  http: ['errors', 'domain', 'world'],
  scheduler: ['errors', 'domain', 'world'],
  playground: ['errors', 'domain', 'world'],
  'wecom/callback': ['errors', 'domain', 'world', 'crypto', 'core/text'],
  'wecom/api': ['errors', 'domain', 'world', 'crypto', 'core/text', 'wecom/media'],
  'wecom/media': ['errors', 'domain', 'world', 'crypto', 'core/text', 'wecom/api'],
  wecom: ['errors', 'domain', 'world', 'crypto', 'core/text', 'wecom/api', 'wecom/media'],
  bridge: ['errors', 'domain', 'world', 'core'],
  'openclaw-plugin': [],
  app: ['*'],
  cli: ['*'],
  main: ['*'],
}

const split = ['core', 'gateway', 'wecom']
const pureFolders = ['errors', 'domain', 'core', 'crypto']
/** The packages that a pure folder may import. None of them does I/O. */
const purePackages = ['node:crypto', 'jsonrepair']

/** The folder of a file as the table names it: `core/text` for a folder in `split`, else `config` or `main`. */
function folderOf(path: string): string {
  const [, folder = '', inner = ''] = path.replace(/\.ts$/, '').split('/')
  return split.includes(folder) && path.split('/').length > 3 ? `${folder}/${inner}` : folder
}

function isAllowed(folder: string, target: string): boolean {
  const targetFolder = folderOf(target)
  if (folder === targetFolder) return true
  if (targetFolder === 'main' || (targetFolder === 'app' && folder !== 'cli' && folder !== 'main')) return false
  const allowed = direction[folder] ?? []
  return [targetFolder, targetFolder.split('/')[0] ?? '', target, '*'].some(name => allowed.includes(name))
}

test('architecture: every folder is in the import table', () => {
  const folders = new Set(
    everything.filter(source => !source.path.endsWith('.d.ts')).map(source => folderOf(source.path)),
  )
  expect([...folders].filter(folder => direction[folder] === undefined)).toEqual([])
})

test('architecture: imports follow the import table', () => {
  const wrong = sources.flatMap(source =>
    importsOf(source)
      .map(specifier => resolveImport(source, specifier))
      .filter(target => target?.startsWith('src/') === true && !isAllowed(folderOf(source.path), target))
      .map(target => `${source.path} -> ${target}`),
  )
  expect(wrong).toEqual([])
})

test('architecture: imports stay inside src and name existing files', () => {
  const wrong = sources.flatMap(source =>
    importsOf(source)
      .map(specifier => resolveImport(source, specifier))
      .filter(target => target !== undefined && !(isOwn(target) && existsSync(join(root, target))))
      .map(target => `${source.path} -> ${target}`),
  )
  expect(wrong).toEqual([])
})

/** Whether `src` may import this path. `package.json` is the only one outside of it. */
function isOwn(target: string): boolean {
  return target.startsWith('src/') || target === 'package.json'
}

test('architecture: pure folders import no package with side effects', () => {
  const wrong = sources
    .filter(source => pureFolders.includes(folderOf(source.path).split('/')[0] ?? ''))
    .flatMap(source =>
      importsOf(source)
        .filter(specifier => !specifier.startsWith('.') && !purePackages.includes(specifier))
        .map(specifier => `${source.path} -> ${specifier}`),
    )
  expect(wrong).toEqual([])
})

test('architecture: no import cycles', () => {
  const targets = new Map(sources.map(source => [source.path, localImports(source)]))
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path)
    if (at !== -1) cycles.push([...trail.slice(at), path].join(' -> '))
    if (at !== -1 || done.has(path)) return
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const source of sources) visit(source.path, [])
  expect(cycles).toEqual([])
})

function localImports(source: Source): readonly string[] {
  return importsOf(source).flatMap(specifier => resolveImport(source, specifier) ?? [])
}

test('architecture: at most 300 lines a file and 60 a function', () => {
  const oxlint = join(root, 'node_modules/.bin/oxlint')
  const config = join(import.meta.dir, 'architecture.oxlintrc.json')
  const run = Bun.spawnSync([oxlint, '-c', config, '--format', 'unix', 'src', 'scripts'], { cwd: root })
  const problems = run.stdout.toString().split('\n')
  expect(problems.filter(line => line.includes('too many lines') || line.includes('max-lines'))).toEqual([])
  expect(run.exitCode).toBe(0)
})

/** Folders without a limit: `src/cli` has one file per command. */
const listFolders = ['src/cli']
const mostFiles = 20

test(`architecture: no folder of src holds more than ${mostFiles} files`, () => {
  const counts = new Map<string, number>()
  for (const { path } of everything) {
    const folder = path.slice(0, path.lastIndexOf('/'))
    counts.set(folder, (counts.get(folder) ?? 0) + 1)
  }
  const crowded = [...counts].filter(([folder, count]) => count > mostFiles && !listFolders.includes(folder))
  expect(crowded).toEqual([])
})

test('architecture: names of exported types are unique in src', () => {
  const owners = new Map<string, string[]>()
  for (const source of daemon) {
    for (const [, name = ''] of source.code.matchAll(/^export (?:abstract )?(?:interface|type|class|enum) (\w+)/gm)) {
      owners.set(name, [...(owners.get(name) ?? []), source.path])
    }
  }
  expect([...owners].filter(([, paths]) => paths.length > 1)).toEqual([])
})

const banned: readonly [string, RegExp][] = [
  ['Date.now', /(?<![\w.])Date\.now\b/g],
  ['new Date()', /\bnew Date(?!\w|\s*\(\s*[^)\s])/g],
  ['performance', /(?<![\w.])performance\./g],
  ['nanoseconds', /\bBun\.nanoseconds\b/g],
  ['random', /\bMath\.random\b|\b(?:randomBytes|randomUUID|randomInt|getRandomValues|randomUUIDv7)\(/g],
  ['timer', /(?<![\w.])(?:setTimeout|setInterval)\(|\bBun\.sleep\b/g],
  ['setImmediate', /(?<![\w.])(?:setImmediate|queueMicrotask)\(/g],
  ['fetch', /(?<![\w.])fetch\((?![^()]*\)[^;={}]*\{)/g],
  ['socket', /\bnew WebSocket\(/g],
  ['process', /(?<![\w.'-])process\s*[.[]|\bBun\.env\b|\bimport\.meta\.env\b/g],
  ['console', /(?<![\w.])console\s*[.[]/g],
]

/** Allowed uses of side effects outside `world.ts` and `main.ts`. */
const exceptions: readonly { path: string; call: string; reason: string }[] = [
  {
    path: 'src/store/sqlite/engine.ts',
    call: 'setImmediate',
    reason:
      'group commit: everything that arrives in one turn of the event loop is one transaction; a timer would add a wait',
  },
]

test('architecture: side effects are in world.ts and main.ts only', () => {
  const inside = daemon.filter(source => source.path !== 'src/world.ts' && source.path !== 'src/main.ts')
  expect(inside.flatMap(bannedIn)).toEqual([])
})

function bannedIn(source: Source): readonly string[] {
  return banned
    .filter(([call]) => !exceptions.some(one => one.path === source.path && one.call === call))
    .filter(([call]) => !(call === 'fetch' && bindsFetch(source)))
    .flatMap(([, pattern]) => placesOf(source, pattern))
}

/** Whether `fetch` in this file is a parameter or a local name, and not the global. */
function bindsFetch(source: Source): boolean {
  return /\b(?:const|let)\s+(?:fetch\b|\{[^}]*\bfetch\b[^}]*\})|\bfetch: Fetch\b/.test(source.code)
}

test('architecture: every exception is still needed', () => {
  const idle = exceptions.filter(one => {
    const source = sources.find(candidate => candidate.path === one.path)
    const pattern = banned.find(([call]) => call === one.call)?.[1]
    return source === undefined || pattern === undefined || placesOf(source, pattern).length === 0
  })
  expect(idle).toEqual([])
})

test('architecture: modules have no mutable state', () => {
  const pattern =
    /^(?:export )?(?:let|var) \w+|^(?:export )?const \w+[^\n=]*= new (?:Weak)?(?:Map|Set)(?:<[^\n]*>)?\(\)/gm
  expect(daemon.flatMap(source => placesOf(source, pattern))).toEqual([])
})

test('architecture: import() is used in main.ts and cli/ only, per command', () => {
  const lazy = /\bimport\(|(?<![\w.])require\(/g
  const outside = daemon.filter(({ path }) => path !== 'src/main.ts' && !path.startsWith('src/cli/'))
  expect(outside.flatMap(source => placesOf(source, lazy))).toEqual([])
  const inside = daemon.filter(source => !outside.includes(source))
  const loaded = inside.flatMap(lazyImportsOf)
  expect(inside.flatMap(source => placesOf(source, lazy))).toHaveLength(loaded.length)
  const programs = [...Object.keys(commands), 'overview'].map(name => `src/cli/${name}.ts`)
  expect(loaded.toSorted()).toEqual(programs.toSorted())
})

test("architecture: a command's modules load only when it is called", () => {
  const first = new Set(reachedFrom('src/main.ts', localImports))
  expect([...first].filter(path => /^src\/(?:app|bridge|playground|store|gateway|wecom|http)\b/.test(path))).toEqual([])
  const ofDaemon = reachedFrom('src/cli/run.ts', localImports)
  expect(ofDaemon.filter(path => path.startsWith('src/playground/'))).toEqual([])
})

/** The paths that a file loads with `import()`. */
function lazyImportsOf(source: Source): readonly string[] {
  const found = source.code.matchAll(/\bimport\((['"])( *)\1\)/g)
  return Array.from(found, match => {
    const start = match.index + 'import('.length + 1
    return resolveImport(source, source.text.slice(start, start + (match[2]?.length ?? 0))) ?? ''
  })
}

/** Whether a file has nothing but re-exports. */
function isBarrel(source: Source): boolean {
  const rest = source.code.replace(/\bexport\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s*from\s*(['"]) *\1/g, '')
  return rest !== source.code && rest.trim() === ''
}

test('architecture: no barrels', () => {
  expect(sources.filter(isBarrel).map(source => source.path)).toEqual([])
})

test('architecture: file names are kebab-case nouns', () => {
  const refused = /^(?:utils?|helpers?|commons?|types?|constants?|managers?|monitors?|misc|data|info|process|shared)\b/
  const wrong = everything.filter(({ path }) => {
    const name = path.split('/').at(-1) ?? ''
    return refused.test(name) || /\d\.ts$/.test(name) || !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+)+$/.test(name)
  })
  expect(wrong.map(source => source.path)).toEqual([])
})

test('architecture: every file in src is reachable from main.ts', () => {
  const linked = (source: Source) =>
    source.path.endsWith('.html') ? linksOf(source) : [...localImports(source), ...lazyImportsOf(source)]
  const reached = reachedFrom('src/main.ts', linked)
  const dead = everything.filter(({ path }) => !/\.d\.ts$|\/tsconfig\.json$/.test(path) && !reached.includes(path))
  expect(dead.map(source => source.path)).toEqual([])
})

/** The start and every file that it leads to. */
function reachedFrom(start: string, next: (source: Source) => readonly string[]): readonly string[] {
  const byPath = new Map(everything.map(source => [source.path, source]))
  const reached = new Set<string>()
  const queue = [start]
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const source = byPath.get(path)
    if (source === undefined || reached.has(path)) continue
    reached.add(path)
    queue.push(...next(source))
  }
  return [...reached]
}

/** The scripts, styles and images that a page loads by a relative address. */
function linksOf(page: Source): readonly string[] {
  const links = page.text.matchAll(/\b(?:src|href)="(\.[^"]*)"/g)
  return Array.from(links, match => resolveImport(page, match[1] ?? '') ?? '')
}

const sideEffects = [
  'const now = Date.now()',
  'const now = new Date()',
  'const now = new Date',
  'const n = Math.random()',
  'const id = crypto.randomUUID()',
  'const id = randomBytes(16)',
  'setTimeout(ring, 5)',
  'await Bun.sleep(5)',
  'const answer = await fetch(url, { method: "POST" })',
  'process.exit(1)',
  'const { env } = process.env',
  'const key = Bun.env.KEY',
  'console.log(1)',
  'const s = new WebSocket(url)',
  'const text = `${"a"} ${Date.now()}`',
  'const quote = /["\'`]/; console.log(quote)',
]

for (const code of sideEffects) {
  test(`architecture: the scan rejects ${code}`, () => {
    expect(bannedIn(sourceOf('src/bridge/x.ts', code))).toHaveLength(1)
  })
}

const harmless = [
  'const now = clock.now()',
  'const day = new Date(now).toISOString()',
  'const day = new Date( now )',
  'const text = "Date.now() in a string, process.env too"',
  'const text = `console.log(${now})`',
  '// setTimeout(ring, 5)',
  '/* process.exit(1) */',
  'const pattern = /console.log/',
  'Bun.serve({ fetch(request) { return answer(request) } })',
  'const answer = await world.fetch(url)',
  'const { clock, fetch } = doors; await fetch(url)',
  'const child = this.process.pid',
  'engine.setTimeout(5)',
]

for (const code of harmless) {
  test(`architecture: the scan accepts ${code}`, () => {
    expect(bannedIn(sourceOf('src/bridge/x.ts', code))).toEqual([])
  })
}

test('architecture: the scan finds imports, but not in strings and comments', () => {
  const text = [
    "import type { A } from './a.ts'",
    "import {\n  B,\n  type C,\n} from '../b.ts'",
    "import * as d from './d.ts'",
    "export { e } from './e.ts'",
    "export * from './f.ts'",
    "import './g.ts'",
    'import sql from "./h.sql" with { type: "text" }',
    "// import x from './no.ts'",
    'const text = "import x from \'./no.ts\'"',
  ].join('\n')
  const expected = ['./a.ts', '../b.ts', './d.ts', './e.ts', './f.ts', './g.ts', './h.sql']
  expect(importsOf(sourceOf('src/x.ts', text))).toEqual(expected)
})
