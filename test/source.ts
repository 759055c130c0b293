import { dirname, join, normalize } from 'node:path'

export const root = normalize(join(import.meta.dir, '..'))

/** A file of the repository, prepared for the tests of the house rules. */
export interface Source {
  /** Relative to the root of the repository, with slashes. */
  readonly path: string
  readonly text: string
  /**
   * `text` with spaces in place of comments and of the content of strings and regular expressions. Offsets are equal.
   */
  readonly code: string
}

/** Reads every file under `folder` that matches `pattern`, sorted by path. */
export async function readSources(folder: string, pattern: string): Promise<readonly Source[]> {
  const paths = await Array.fromAsync(new Bun.Glob(pattern).scan({ cwd: join(root, folder), dot: true }))
  const sources = paths.map(async path => {
    const text = await Bun.file(join(root, folder, path)).text()
    return sourceOf(`${folder}/${path}`, text)
  })
  return (await Promise.all(sources)).toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

export function sourceOf(path: string, text: string): Source {
  return { path, text, code: blank(text) }
}

/** The specifiers of all static imports and re-exports, `import type` too. */
export function importsOf(source: Source): readonly string[] {
  const found = source.code.matchAll(/\b(?:from|import)\s*(['"])( *)\1/g)
  return Array.from(found, match => {
    const start = match.index + match[0].length - 1 - (match[2]?.length ?? 0)
    return source.text.slice(start, match.index + match[0].length - 1)
  })
}

/** The repository path of a relative import. Undefined for packages. */
export function resolveImport(source: Source, specifier: string): string | undefined {
  return specifier.startsWith('.') ? normalize(join(dirname(source.path), specifier)) : undefined
}

/** `path:line` of an offset, for failure messages. */
export function place(source: Source, offset: number): string {
  return `${source.path}:${source.text.slice(0, offset).split('\n').length}`
}

/** The places that match, outside of comments and strings. */
export function placesOf(source: Source, pattern: RegExp): readonly string[] {
  return Array.from(source.code.matchAll(pattern), match => `${place(source, match.index)} ${match[0].trim()}`)
}

const tokens =
  /(?<comment>\/\/[^\n]*|\/\*[^]*?\*\/)|(?<string>'(?:\\[^]|[^'\\\n])*'|"(?:\\[^]|[^"\\\n])*")|(?<tick>`)|(?<regex>(?<=(?:[(,=:[!&|?{};]|=>|\breturn|^)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/)|(?<open>\{)|(?<close>\})/g

/** Replaces everything but code with spaces. Not a full parser: it knows what the sources of this repository use. */
function blank(text: string): string {
  const out = text.split('')
  const erase = (start: number, end: number) => {
    for (let at = start; at < end; at++) if (out[at] !== '\n') out[at] = ' '
  }
  const braces: ('code' | 'template')[] = []
  const scanner = new RegExp(tokens)
  for (let match = scanner.exec(text); match !== null; match = scanner.exec(text)) {
    const { comment, string, tick, regex, open, close } = match.groups ?? {}
    const end = match.index + match[0].length
    if (comment !== undefined) erase(match.index, end)
    else if (string !== undefined || regex !== undefined) erase(match.index + 1, end - 1)
    else if (open !== undefined) braces.push('code')
    else if (tick !== undefined || (close !== undefined && braces.pop() === 'template')) {
      const rest = templateEnd(text, end)
      erase(end, rest.at)
      if (rest.opens) braces.push('template')
      scanner.lastIndex = rest.at + (rest.opens ? 2 : 1)
    }
  }
  return out.join('')
}

/** Where the literal part of a template that starts at `from` ends: at its backtick, or at a `${`. */
function templateEnd(text: string, from: number): { at: number; opens: boolean } {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '`') return { at, opens: false }
    else if (text[at] === '$' && text[at + 1] === '{') return { at, opens: true }
  }
  return { at: text.length, opens: false }
}
