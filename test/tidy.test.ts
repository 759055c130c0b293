import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { place, placesOf, readSources, root, type Source, sourceOf } from './source.ts'

const itself = 'test/tidy.test.ts'

const code = (await Promise.all(['src', 'test', 'scripts'].map(folder => readSources(folder, '**/*.ts')))).flat()
const tests = code.filter(source => source.path.endsWith('.test.ts'))

/**
 * Every text file that git tracks or would track. Not this file, which contains the forbidden texts. Without git: the
 * code.
 */
async function readTracked(): Promise<readonly Source[]> {
  const listing = Bun.spawnSync(['git', 'ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root })
  if (listing.exitCode !== 0) return code.filter(source => source.path !== itself)
  const paths = listing.stdout.toString().split('\n').filter(isText)
  return await Promise.all(paths.map(async path => sourceOf(path, await Bun.file(join(root, path)).text())))
}

function isText(path: string): boolean {
  const isOther = path !== '' && path !== itself && !/\.(?:png|jpe?g|ico|woff2)$/.test(path)
  return isOther && existsSync(join(root, path))
}

const tracked = await readTracked()

/** The places that match, also in comments and strings. */
function mentions(sources: readonly Source[], pattern: RegExp): readonly string[] {
  return sources.flatMap(source =>
    Array.from(source.text.matchAll(pattern), match => `${place(source, match.index)} ${match[0].trim()}`),
  )
}

test('tidy: no TODO, FIXME or HACK in the code', () => {
  const later = /\b(?:TODO|FIXME|XXX|HACK)\b/g
  expect(
    mentions(
      code.filter(source => source.path !== itself),
      later,
    ),
  ).toEqual([])
})

test('tidy: an empty catch has a comment with the reason', () => {
  const empty = code.flatMap(source =>
    Array.from(source.text.matchAll(/\bcatch\s*(?:\(\w+\)\s*)?\{\s*\}/g), match => ({ source, match })),
  )
  const real = empty.filter(({ source, match }) => source.code.startsWith('catch', match.index))
  expect(real.map(({ source, match }) => place(source, match.index))).toEqual([])
})

test('tidy: tests do not sleep', () => {
  const sleeps = /\bBun\.sleep(?:Sync)?\b|(?<![\w.])(?:setTimeout|setInterval)\(|\btimers\/promises\b/g
  expect(tests.flatMap(source => placesOf(source, sleeps))).toEqual([])
})

test('tidy: no test is skipped or runs alone', () => {
  expect(tests.flatMap(source => placesOf(source, /\b(?:test|describe|it)\.(?:only|skip|todo)\b/g))).toEqual([])
})

test('tidy: a test title is its area and what the user sees', () => {
  const names = tests.flatMap(source =>
    Array.from(source.text.matchAll(/^\s*test(?:\.\w+\([^\n]*?\))?\(\s*(['"`])(.*)/gm), match => ({
      at: place(source, match.index),
      name: match[2] ?? '',
    })),
  )
  expect(
    names.filter(({ name }) => !/^[a-zA-Z][\w -]*: \S+ \S+/.test(name)).map(({ at, name }) => `${at} ${name}`),
  ).toEqual([])
})

test('tidy: no file names a path of this machine', () => {
  const home = homedir()
  const places = [root, '/work/', '/home/', ...(home.length > 1 ? [`${home}/`] : [])]
  expect(places.flatMap(path => mentions(tracked, new RegExp(RegExp.escape(path), 'g')))).toEqual([])
})

test('tidy: no file names a package registry', () => {
  const pattern = /https?:\/\/[\w.-]*(?:registry\.|npmmirror|verdaccio|artifactory|jfrog\.)[\w./-]*/gi
  expect(mentions(tracked, pattern)).toEqual([])
})

test('tidy: generated documents are up to date and have every config key', () => {
  const run = Bun.spawnSync([process.execPath, 'scripts/docs.ts', '--check'], { cwd: root })
  expect(run.exitCode, run.stdout.toString() + run.stderr.toString()).toBe(0)
})

test('tidy: both READMEs have the same headings and the same code', async () => {
  expect(await outlineOf('README.zh-CN.md')).toEqual(await outlineOf('README.md'))
})

/** The levels of a document's headings, and its code blocks. */
async function outlineOf(name: string): Promise<{ headings: readonly number[]; blocks: readonly string[] }> {
  const markdown = await Bun.file(join(root, name)).text()
  const blocks = Array.from(markdown.matchAll(/^```[^\n]*\n([^]*?)^```/gm), match => match[1] ?? '')
  const prose = markdown.replace(/^```[^]*?^```/gm, '')
  return { headings: Array.from(prose.matchAll(/^(#+) /gm), match => match[1]?.length ?? 0), blocks }
}

const documents = tracked.filter(({ path }) => /^(?:docs\/.*|[A-Z]\w*(?:\.zh-CN)?)\.md$/.test(path))

test('tidy: every path in a document exists', () => {
  expect(documents.flatMap(missingPaths)).toEqual([])
})

test('tidy: every path in a comment exists', () => {
  const comments = code.filter(source => source.path !== itself).map(commentsOf)
  expect(comments.flatMap(missingPaths)).toEqual([])
})

test('tidy: the path scan finds missing paths and nothing else', () => {
  const text =
    'src/gone.ts, `bridge/gone.ts`, docs/config.md, `gateway/link/socket.ts`, https://x.y/src/z.ts, /usr/src/z.ts'
  expect(missingPaths(sourceOf('docs/x.md', text))).toEqual(['docs/x.md:1 src/gone.ts', 'docs/x.md:1 bridge/gone.ts'])
})

test('tidy: every link in a document leads to a file and a heading', async () => {
  const links = documents.flatMap(source =>
    Array.from(
      source.text.matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)/g),
      ({ index, 1: file = '', 2: anchor }) => {
        const target = file === '' ? source.path : join(dirname(source.path), file)
        return { at: place(source, index), target, anchor }
      },
    ),
  )
  const broken = links.filter(({ target, anchor }) => {
    if (!existsSync(join(root, target))) return true
    if (anchor === undefined) return false
    const text = documents.find(({ path }) => path === target)?.text ?? ''
    return !anchorsOf(text).includes(anchor)
  })
  expect(broken.map(({ at, target, anchor }) => `${at} ${target}#${anchor ?? ''}`)).toEqual([])
})

/** `src/app.ts`, `docs/adr`, and a file with its folder, such as `bridge/start.ts`. */
const namedPath =
  /(?<![\w/.:@{}-])(?:(?:src|test|scripts|docs)\/[\w./-]*[\w-]|[a-z][\w-]*(?:\/[\w-]+)*\/[\w.-]+\.(?:ts|md|json|sql|html|css|mjs))(?![\w/*])/g

/** The paths in a text that don't exist, relative to the root, to `src`, to `test` or to the file's own folder. */
function missingPaths(source: Source): readonly string[] {
  const isThere = (path: string) =>
    ['', 'src', 'test', dirname(source.path)].some(folder => existsSync(join(root, folder, path)))
  return Array.from(source.text.matchAll(namedPath), match => ({ path: match[0], at: place(source, match.index) }))
    .filter(({ path }) => !isThere(path))
    .map(({ path, at }) => `${at} ${path}`)
}

/** A source with its comment lines only. Line numbers are equal. */
function commentsOf({ path, text }: Source): Source {
  const lines = text.split('\n').map(line => (/^\s*(?:\/\/|\/?\*)/.test(line) ? line : ''))
  return sourceOf(path, lines.join('\n'))
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(markdown: string): readonly string[] {
  const prose = markdown.replace(/^```[^]*?^```/gm, '')
  return Array.from(prose.matchAll(/^#+ (.*)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  )
}
