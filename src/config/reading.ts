import { dirname, resolve } from 'node:path'
import { Value } from '@sinclair/typebox/value'
import { isObject } from '../domain/json.ts'
import { messageOf } from '../errors.ts'
import { type ConfigIssue, describeExpected, describeActual, describeType, suggestionFor, warn } from './issues.ts'
import { ignoredKeyReason, isOtherChannelBinding, omitted } from './ignored-keys.ts'
import { type SchemaNode, recordOf } from './keys.ts'
import { templateProblem } from './start-files.ts'
import { bareHost, certificateFault, faultOf, schemeHint, sizeFault } from './values.ts'

/** A config file and its environment. `readFile` and `listFolder` throw the errors of the file system. */
export interface SourceFile {
  readonly file: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Throws if the file is not UTF-8, too. */
  readFile(path: string): string
  /** The running daemon reads the file again, in the environment that it was started with. */
  readonly isRunning?: boolean
  isFolder(path: string): boolean
  /** The names of the entries in a folder. */
  listFolder(folder: string): readonly string[]
}

/** The result of reading. `value` contains only valid values; every removed one has an issue. Entries with an invalid name are kept. */
export interface ReadResult {
  readonly value: unknown
  /** The positions in the file of the `bindings` that were kept. */
  readonly bindingIndexes: readonly number[]
  readonly issues: readonly ConfigIssue[]
  /** The number of secrets written in the file itself. */
  readonly literalSecrets: number
}

/** Reads `raw` by the schema: fills in variables, secret files and defaults, and reports every issue in one run. */
export function readBySchema(schema: SchemaNode, raw: unknown, source: SourceFile): ReadResult {
  const reader = new Reader(source)
  const value = reader.visit(schema, raw, '', false)
  const { issues, bindingIndexes, literalSecrets } = reader
  return { value: value === omitted ? {} : value, bindingIndexes, issues, literalSecrets }
}

class Reader {
  readonly issues: ConfigIssue[] = []
  readonly bindingIndexes: number[] = []
  literalSecrets = 0

  constructor(private readonly source: SourceFile) {}

  visit(node: SchemaNode, raw: unknown, path: string, muted: boolean): unknown {
    const isUnimplemented = node.unimplemented === true
    if (isUnimplemented && !muted) this.warn(path, 'has no effect yet')
    const quiet = muted || isUnimplemented
    if (node.properties) return this.visitSection(node, node.properties, raw, path, quiet)
    if (node.patternProperties) return this.visitRecord(node, raw, path, quiet)
    if (node.type === 'array') return this.visitList(node, raw, path, quiet)
    return this.visitLeaf(node, raw, path)
  }

  private visitSection(
    node: SchemaNode,
    properties: Readonly<Record<string, SchemaNode>>,
    raw: unknown,
    path: string,
    muted: boolean,
  ): unknown {
    if (!isObject(raw)) return this.error(path, `expected an object, got ${describeType(raw)}`)
    for (const key of Object.keys(raw)) {
      if (!Object.hasOwn(properties, key)) this.unknownKey(path, key, properties)
    }
    const read: Record<string, unknown> = {}
    for (const [key, child] of Object.entries(properties)) {
      const value = Object.hasOwn(raw, key)
        ? this.visit(child, raw[key], join(path, key), muted)
        : this.defaultFor(child, join(path, key), node.required?.includes(key) ?? false)
      if (value !== omitted) read[key] = value
    }
    return read
  }

  private unknownKey(path: string, key: string, known: Readonly<Record<string, SchemaNode>>): void {
    const reason = ignoredKeyReason(path, key)
    if (reason !== undefined) this.warn(join(path, key), `is ignored: ${reason}`)
    else this.error(join(path, key), `unknown key${suggestionFor(key, known)}`)
  }

  private defaultFor(node: SchemaNode, path: string, required: boolean): unknown {
    if (node.default !== undefined) return structuredClone<unknown>(node.default)
    if (!required) return omitted
    if (node.properties) return this.visit(node, {}, path, true)
    return this.error(path, `is missing: expected ${describeExpected(node)}`)
  }

  private visitRecord(node: SchemaNode, raw: unknown, path: string, muted: boolean): unknown {
    if (!isObject(raw)) return this.error(path, `expected an object, got ${describeType(raw)}`)
    const [pattern, child] = recordOf(node) ?? ['', node]
    const read: [string, unknown][] = []
    for (const [key, part] of Object.entries(raw)) {
      if (!new RegExp(pattern).test(key) || key === '__proto__') {
        this.error(join(path, key), `is not a valid name: expected ${node.nameRule ?? 'a non-empty name'}`)
      }
      const value = this.visit(child, part, join(path, key), muted)
      if (value !== omitted) read.push([key, value])
    }
    return Object.fromEntries(read)
  }

  private visitList(node: SchemaNode, raw: unknown, path: string, muted: boolean): unknown {
    if (!Array.isArray(raw))
      return this.error(path, `expected ${describeExpected(node)}, got ${describeActual(node, raw)}`)
    const read: unknown[] = []
    for (const [index, part] of raw.entries()) {
      const at = `${path}[${index}]`
      if (path === 'bindings' && isOtherChannelBinding(part)) {
        this.warn(at, 'is ignored: it belongs to another channel')
        continue
      }
      const value = node.items ? this.visit(node.items, part, at, muted) : part
      if (value === omitted) continue
      read.push(value)
      if (path === 'bindings') this.bindingIndexes.push(index)
    }
    return read
  }

  private visitLeaf(node: SchemaNode, raw: unknown, path: string): unknown {
    const filled = node.secret ? this.readSecret(raw, path) : this.substitute(raw, path)
    if (filled === omitted) return omitted
    const value = convert(node, raw, filled)
    if (!Value.Check(node, value)) {
      // A variable may hold a secret used in the wrong place, so the message shows the text of the file, not its value.
      return this.error(
        path,
        `expected ${describeExpected(node)}, got ${describeActual(node, node.secret ? value : raw)}${schemeHint(node.pattern, value)}`,
      )
    }
    if (typeof value !== 'string') return value
    if (typeof node.unimplemented === 'string' && new RegExp(node.unimplemented).test(value)) {
      return this.error(path, 'is not supported by this version yet')
    }
    if (this.isFaulty(node, value, path)) return omitted
    if (node.isAgentId) return toAgentId(value)
    if (node.valueKind === 'host') return bareHost(value)
    return node.relative ? this.checkPath(node, resolve(dirname(this.source.file), value), path) : value
  }

  /** Reports a value that can never be right. A path is checked as written, before it is resolved. */
  private isFaulty({ valueKind, maxBytes }: Pick<SchemaNode, 'valueKind' | 'maxBytes'>, value: string, path: string) {
    const fault = (valueKind && faultOf(valueKind, value)) ?? sizeFault(value, maxBytes)
    if (fault === undefined) return false
    this.issues.push({ path, ...fault })
    return fault.severity === 'error'
  }

  private checkPath({ contents }: SchemaNode, file: string, path: string): unknown {
    if (contents === 'folder' && !this.source.isFolder(file)) this.warn(path, `the folder ${file} does not exist`)
    if (contents === 'workspace') return this.checkTemplate(file, path)
    if (contents !== 'certificates') return file
    try {
      const fault = certificateFault(this.source.readFile(file))
      return fault === undefined ? file : this.error(path, `${file} ${fault}`)
    } catch (error) {
      return this.error(path, `cannot read ${file}: ${fileErrorReason(error)}`)
    }
  }

  private checkTemplate(folder: string, path: string): unknown {
    try {
      const problem = templateProblem(this.source.listFolder(folder))
      if (problem !== undefined) this.warn(path, problem)
      return folder
    } catch (error) {
      return this.error(path, `cannot read the folder ${folder}: ${fileErrorReason(error)}`)
    }
  }

  private readSecret(raw: unknown, path: string): unknown {
    if (!isObject(raw)) {
      if (typeof raw === 'string' && isLiteralSecret(raw)) this.literalSecrets += 1
      return this.substitute(raw, path)
    }
    if (Object.keys(raw).join() !== 'file' || typeof raw.file !== 'string' || raw.file === '') {
      return this.error(path, 'expected a string or { file: "/path" }')
    }
    const name = this.substitute(raw.file, path)
    if (typeof name !== 'string') return omitted
    if (this.isFaulty({ valueKind: 'path' }, name, path)) return omitted
    const file = resolve(dirname(this.source.file), name)
    try {
      return this.source.readFile(file).replace(/[\r\n]+$/, '')
    } catch (error) {
      // A variable may hold the secret itself, so the message shows its name instead of its value.
      return this.error(path, `cannot read ${name === raw.file ? file : raw.file}: ${fileErrorReason(error)}`)
    }
  }

  /** Replaces `${NAME}` with the variable and `$${` with a literal `${`. A replaced value is not expanded again. */
  private substitute(raw: unknown, path: string): unknown {
    if (Array.isArray(raw)) {
      const parts = raw.map(part => this.substitute(part, path))
      return parts.includes(omitted) ? omitted : parts
    }
    if (typeof raw !== 'string') return raw
    let isComplete = true
    const text = raw.replace(/\$\$\{|\$\{([^}]*)\}/g, (found: string, name: string | undefined) => {
      if (name === undefined) return '${'
      const value = this.variable(name, path)
      if (value === undefined) isComplete = false
      return value ?? found
    })
    return isComplete ? text : omitted
  }

  private variable(name: string, path: string): string | undefined {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      this.error(
        path,
        'contains a ${…} that is not the name of an environment variable; write "$${" for a literal "${"',
      )
      return undefined
    }
    const value = Object.hasOwn(this.source.env, name) ? this.source.env[name] : undefined
    if (value === undefined) this.error(path, `environment variable ${name} is not set${this.environmentHint}`)
    return value
  }

  private get environmentHint(): string {
    const hint =
      ' in the environment of the running daemon, which does not change; restart it, or use { file: "/path" }'
    return this.source.isRunning === true ? hint : ''
  }

  private error(path: string, message: string): typeof omitted {
    this.issues.push({ path, message, severity: 'error' })
    return omitted
  }

  private warn(path: string, message: string): void {
    this.issues.push(warn(path, message))
  }
}

/** A URL counts as a secret only if it contains a user or password. */
function isLiteralSecret(raw: string): boolean {
  return !raw.includes('${') && !/^(?:sqlite:|[a-z]+:\/\/[^@]*$)/.test(raw)
}

/** Converts the text of a variable where the schema expects a number or a boolean, and numbers where `coerce` allows it. */
function convert(node: SchemaNode, raw: unknown, filled: unknown): unknown {
  const variable = typeof raw === 'string' && raw !== filled
  if (typeof filled === 'string' && (variable || node.coerce)) {
    if (node.type === 'integer' && /^\d{1,15}$/.test(filled)) return Number(filled)
    if (node.type === 'boolean' && /^(?:true|false)$/.test(filled)) return filled === 'true'
  }
  return node.type === 'string' && node.coerce && Number.isSafeInteger(filled) ? String(filled) : filled
}

/** Explains a file system error in plain words. */
export function fileErrorReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'no such file or folder'
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied'
  if (code === 'ENOTDIR') return 'it is not a folder'
  if (code === 'EISDIR') return 'it is a folder'
  return messageOf(error)
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

/** Normalizes an id like OpenClaw's `normalizeAgentId`: lowercase, with `-` for every run of other characters. */
function toAgentId(text: string): string {
  const lower = text.trim().toLowerCase()
  if (/^[a-z0-9][a-z0-9_-]{0,63}$/.test(lower)) return lower
  return lower
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64)
}
