import JSON5 from 'json5'
import type { Node } from './keys.ts'

const widest = 110

/** A commented config file to start from. What has no effect yet is not in it. */
export function exampleOf(root: Node): string {
  return [
    '// Configuration of wecomd, JSON5. `wecomd check` tells what is wrong with it.',
    '// ${NAME} is an environment variable; a secret may also be { file: "/path" }.',
    '// A key behind a comment sign shows its default, or a value to replace.',
    '{',
    ...linesOf(root, '  ', true),
    '}',
  ].join('\n')
}

/** `live`: not behind a comment sign. Where it is, what the section cannot be without needs no second one. */
function linesOf(node: Node, indent: string, live: boolean): readonly string[] {
  const shown = Object.entries(node.properties ?? {}).filter(([, child]) => child.unbuilt !== true)
  return shown.flatMap(([key, child], index) => [
    ...(index > 0 && indent.length === 2 ? [''] : []),
    ...wrap(child.description ?? '', `${indent}// `),
    ...(child.properties && child.sample === undefined
      ? sectionLines(node, key, child, indent, live)
      : leafLines(key, child, indent, !live && child.default === undefined && node.required?.includes(key) === true)),
  ])
}

function sectionLines(parent: Node, key: string, node: Node, indent: string, isLiveParent: boolean): readonly string[] {
  // A section that may be missing has keys that may not: without values for them it is shown, not set.
  const live = !isLiveParent || parent.required?.includes(key) === true || hasExample(node)
  const lines = [`${indent}${key}: {`, ...linesOf(node, `${indent}  `, live && isLiveParent), `${indent}},`]
  return live ? lines : lines.map(line => `${indent}// ${line.slice(indent.length)}`)
}

function leafLines(key: string, node: Node, indent: string, isNeeded: boolean): readonly string[] {
  const value: unknown = node.example ?? node.sample ?? node.default ?? '…'
  const spread = typeof value === 'object' && !Array.isArray(value)
  const lines = `${key}: ${JSON5.stringify(value, { quote: '"', space: spread ? 2 : 0 })},`.split('\n')
  return lines.map(line => `${indent}${node.example === undefined && !isNeeded ? '// ' : ''}${line}`)
}

function hasExample(node: Node): boolean {
  return node.example !== undefined || Object.values(node.properties ?? {}).some(hasExample)
}

function wrap(words: string, prefix: string): readonly string[] {
  const lines: string[] = []
  for (const word of words.split(' ').filter(part => part !== '')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + word.length >= widest) lines.push(prefix + word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}
