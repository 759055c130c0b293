import JSON5 from 'json5'
import type { SchemaNode } from './keys.ts'

const maxWidth = 110

/** Generates a commented config file to start from. Keys that are not implemented yet are left out. */
export function exampleOf(root: SchemaNode): string {
  return [
    '// Configuration of wecomd, in JSON5. Validate it with `wecomd check`.',
    '// ${NAME} is an environment variable. A secret may also be written as { file: "/path" }.',
    '// A key that is commented out shows its default, or a sample value to replace.',
    '{',
    ...keyLines(root, '  ', true),
    '}',
  ].join('\n')
}

/** `live` is false inside a section that is commented out; its required keys then need no second comment sign. */
function keyLines(node: SchemaNode, indent: string, live: boolean): readonly string[] {
  const shown = Object.entries(node.properties ?? {}).filter(([, child]) => child.unimplemented !== true)
  return shown.flatMap(([key, child], index) => [
    ...(index > 0 && indent.length === 2 ? [''] : []),
    ...wrap(child.description ?? '', `${indent}// `),
    ...(child.properties && child.sample === undefined
      ? sectionLines(node, key, child, indent, live)
      : leafLines(key, child, indent, !live && child.default === undefined && node.required?.includes(key) === true)),
  ])
}

function sectionLines(
  parent: SchemaNode,
  key: string,
  node: SchemaNode,
  indent: string,
  isLiveParent: boolean,
): readonly string[] {
  // An optional section has required keys. Without example values for them, the whole section is commented out.
  const live = !isLiveParent || parent.required?.includes(key) === true || hasExample(node)
  const lines = [`${indent}${key}: {`, ...keyLines(node, `${indent}  `, live && isLiveParent), `${indent}},`]
  return live ? lines : lines.map(line => `${indent}// ${line.slice(indent.length)}`)
}

function leafLines(key: string, node: SchemaNode, indent: string, isNeeded: boolean): readonly string[] {
  const value: unknown = node.example ?? node.sample ?? node.default ?? '…'
  const isMultiline = typeof value === 'object' && !Array.isArray(value)
  const lines = `${key}: ${JSON5.stringify(value, { quote: '"', space: isMultiline ? 2 : 0 })},`.split('\n')
  return lines.map(line => `${indent}${node.example === undefined && !isNeeded ? '// ' : ''}${line}`)
}

function hasExample(node: SchemaNode): boolean {
  return node.example !== undefined || Object.values(node.properties ?? {}).some(hasExample)
}

function wrap(text: string, prefix: string): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ').filter(part => part !== '')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + word.length >= maxWidth) lines.push(prefix + word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}
