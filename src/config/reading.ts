import { X509Certificate } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { Value } from '@sinclair/typebox/value'
import { isObject } from '../domain/json.ts'
import { messageOf } from '../errors.ts'
import { type ConfigIssue, expectationOf, findingOf, kindOf, suggestionFor, warn } from './issues.ts'
import { ignoredKeyReason, isOtherChannelBinding, ignoredKeys } from './ignored-keys.ts'
import { type Node, recordOf } from './keys.ts'
import { templateProblem } from './start-files.ts'

/** Where a config text comes from. `readFile` throws what the file system throws. */
export interface ConfigText {
  readonly file: string
  readonly env: Readonly<Record<string, string | undefined>>
  readFile(path: string): string
  isFolder(path: string): boolean
  /** The names in a folder; throws what the file system throws. */
  namesIn(folder: string): readonly string[]
}

/** What reading found. `value` holds only what is valid: each part that is not was complained about. Misnamed parts stay. */
export interface Reading {
  readonly value: unknown
  /** Where in the file those `bindings` stand that were kept. */
  readonly places: readonly number[]
  readonly complaints: readonly ConfigIssue[]
  /** Secrets that stand in the file itself. */
  readonly literalSecrets: number
}

/** Reads `raw` by the schema: variables, secret files and defaults filled in, everything wrong told at once. */
export function readBySchema(schema: Node, raw: unknown, source: ConfigText): Reading {
  const reader = new Reader(source)
  const value = reader.visit(schema, raw, '', false)
  const { complaints, places, literalSecrets } = reader
  return { value: value === ignoredKeys ? {} : value, places, complaints, literalSecrets }
}

class Reader {
  readonly complaints: ConfigIssue[] = []
  readonly places: number[] = []
  literalSecrets = 0

  constructor(private readonly source: ConfigText) {}

  visit(node: Node, raw: unknown, path: string, muted: boolean): unknown {
    const unbuilt = node.unbuilt === true
    if (unbuilt && !muted) this.warn(path, 'has no effect yet')
    const quiet = muted || unbuilt
    if (node.properties) return this.visitSection(node, node.properties, raw, path, quiet)
    if (node.patternProperties) return this.visitRecord(node, raw, path, quiet)
    if (node.type === 'array') return this.visitList(node, raw, path, quiet)
    return this.visitLeaf(node, raw, path)
  }

  private visitSection(
    node: Node,
    properties: Readonly<Record<string, Node>>,
    raw: unknown,
    path: string,
    muted: boolean,
  ): unknown {
    if (!isObject(raw)) return this.refuse(path, `expected an object, got ${kindOf(raw)}`)
    for (const key of Object.keys(raw)) {
      if (!Object.hasOwn(properties, key)) this.unknownKey(path, key, properties)
    }
    const read: Record<string, unknown> = {}
    for (const [key, child] of Object.entries(properties)) {
      const value = Object.hasOwn(raw, key)
        ? this.visit(child, raw[key], join(path, key), muted)
        : this.absent(child, join(path, key), node.required?.includes(key) ?? false)
      if (value !== ignoredKeys) read[key] = value
    }
    return read
  }

  private unknownKey(path: string, key: string, known: Readonly<Record<string, Node>>): void {
    const reason = ignoredKeyReason(path, key)
    if (reason !== undefined) this.warn(join(path, key), `means nothing here: ${reason}`)
    else this.refuse(join(path, key), `unknown key${suggestionFor(key, known)}`)
  }

  private absent(node: Node, path: string, required: boolean): unknown {
    if (node.default !== undefined) return structuredClone<unknown>(node.default)
    if (!required) return ignoredKeys
    if (node.properties) return this.visit(node, {}, path, true)
    return this.refuse(path, `is missing: expected ${expectationOf(node)}`)
  }

  private visitRecord(node: Node, raw: unknown, path: string, muted: boolean): unknown {
    if (!isObject(raw)) return this.refuse(path, `expected an object, got ${kindOf(raw)}`)
    const [pattern, child] = recordOf(node) ?? ['', node]
    const read: [string, unknown][] = []
    for (const [key, part] of Object.entries(raw)) {
      if (!new RegExp(pattern).test(key) || key === '__proto__') {
        this.refuse(join(path, key), `is not a valid name: expected ${node.names ?? 'a non-empty name'}`)
      }
      const value = this.visit(child, part, join(path, key), muted)
      if (value !== ignoredKeys) read.push([key, value])
    }
    return Object.fromEntries(read)
  }

  private visitList(node: Node, raw: unknown, path: string, muted: boolean): unknown {
    if (!Array.isArray(raw)) return this.refuse(path, `expected ${expectationOf(node)}, got ${findingOf(node, raw)}`)
    const read: unknown[] = []
    for (const [index, part] of raw.entries()) {
      const at = `${path}[${index}]`
      if (path === 'bindings' && isOtherChannelBinding(part)) {
        this.warn(at, 'means nothing here: it is about another channel')
        continue
      }
      const value = node.items ? this.visit(node.items, part, at, muted) : part
      if (value === ignoredKeys) continue
      read.push(value)
      if (path === 'bindings') this.places.push(index)
    }
    return read
  }

  private visitLeaf(node: Node, raw: unknown, path: string): unknown {
    const filled = node.secret ? this.readSecret(raw, path) : this.substitute(raw, path)
    if (filled === ignoredKeys) return ignoredKeys
    const value = convert(node, raw, filled)
    if (!Value.Check(node, value)) {
      // What a variable holds may be a secret that landed in the wrong place, so the text of the file is shown.
      return this.refuse(path, `expected ${expectationOf(node)}, got ${findingOf(node, node.secret ? value : raw)}`)
    }
    if (typeof value !== 'string') return value
    if (typeof node.unbuilt === 'string' && new RegExp(node.unbuilt).test(value)) {
      return this.refuse(path, 'this kind is not built into this version yet')
    }
    if (node.isAgentId) return toAgentId(value)
    return node.relative ? this.readPath(node, resolve(dirname(this.source.file), value), path) : value
  }

  private readPath({ holds }: Node, file: string, path: string): unknown {
    if (holds === 'folder' && !this.source.isFolder(file)) this.warn(path, `there is no folder ${file}`)
    if (holds === 'workspace') return this.readTemplate(file, path)
    if (holds !== 'certificates') return file
    try {
      const fault = faultOfCertificates(this.source.readFile(file))
      return fault === undefined ? file : this.refuse(path, `the file ${file} ${fault}`)
    } catch (error) {
      return this.refuse(path, `cannot read the file ${file}: ${reasonOf(error)}`)
    }
  }

  private readTemplate(folder: string, path: string): unknown {
    try {
      const doubt = templateProblem(this.source.namesIn(folder))
      if (doubt !== undefined) this.warn(path, doubt)
      return folder
    } catch (error) {
      return this.refuse(path, `cannot read the folder ${folder}: ${reasonOf(error)}`)
    }
  }

  private readSecret(raw: unknown, path: string): unknown {
    if (!isObject(raw)) {
      if (typeof raw === 'string' && isLiteralSecret(raw)) this.literalSecrets += 1
      return this.substitute(raw, path)
    }
    if (Object.keys(raw).join() !== 'file' || typeof raw.file !== 'string' || raw.file === '') {
      return this.refuse(path, 'expected a string or { file: "/path" }')
    }
    const name = this.substitute(raw.file, path)
    if (typeof name !== 'string') return ignoredKeys
    const file = resolve(dirname(this.source.file), name)
    try {
      return this.source.readFile(file).replace(/[\r\n]+$/, '')
    } catch (error) {
      // What a variable holds may be the secret itself.
      return this.refuse(path, `cannot read the file ${name === raw.file ? file : raw.file}: ${reasonOf(error)}`)
    }
  }

  /** `${NAME}` is a variable, `$${` a literal `${`. */
  private substitute(raw: unknown, path: string): unknown {
    if (Array.isArray(raw)) {
      const parts = raw.map(part => this.substitute(part, path))
      return parts.includes(ignoredKeys) ? ignoredKeys : parts
    }
    if (typeof raw !== 'string') return raw
    let whole = true
    const text = raw.replace(/\$\$\{|\$\{([^}]*)\}/g, (found: string, name: string | undefined) => {
      if (name === undefined) return '${'
      const value = this.variable(name, path)
      if (value === undefined) whole = false
      return value ?? found
    })
    return whole ? text : ignoredKeys
  }

  private variable(name: string, path: string): string | undefined {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      this.refuse(path, 'holds a ${…} that is not the name of an environment variable; a literal "${" is written "$${"')
      return undefined
    }
    const value = Object.hasOwn(this.source.env, name) ? this.source.env[name] : undefined
    if (value === undefined) this.refuse(path, `the environment variable ${name} is not set`)
    return value
  }

  private refuse(path: string, message: string): typeof ignoredKeys {
    this.complaints.push({ path, message, severity: 'error' })
    return ignoredKeys
  }

  private warn(path: string, message: string): void {
    this.complaints.push(warn(path, message))
  }
}

/** An address is a secret only when it carries a password. */
function isLiteralSecret(raw: string): boolean {
  return !raw.includes('${') && !/^(?:sqlite:|[a-z]+:\/\/[^@]*$)/.test(raw)
}

/** A variable is always text, so where a number or a switch is expected it is taken as one. */
function convert(node: Node, raw: unknown, filled: unknown): unknown {
  const variable = typeof raw === 'string' && raw !== filled
  if (typeof filled === 'string' && (variable || node.coerce)) {
    if (node.type === 'integer' && /^\d{1,15}$/.test(filled)) return Number(filled)
    if (node.type === 'boolean' && /^(?:true|false)$/.test(filled)) return filled === 'true'
  }
  return node.type === 'string' && node.coerce && Number.isSafeInteger(filled) ? String(filled) : filled
}

/** Why a text cannot be what certificates are checked by; undefined when it can. */
function faultOfCertificates(text: string): string | undefined {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) return 'holds no certificate: expected PEM, which begins with -----BEGIN CERTIFICATE-----'
  const bad = blocks.findIndex(block => !isCertificate(block))
  return bad === -1 ? undefined : `cannot be used: certificate ${bad + 1} of ${blocks.length} in it is damaged`
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined
  } catch {
    return false // what is wrong with it is said in the codes of a library
  }
}

/** What the file system says, in words. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied'
  if (code === 'ENOTDIR') return 'it is no folder'
  if (code === 'EISDIR') return 'it is a folder'
  return messageOf(error)
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

/** As OpenClaw reads it (`normalizeAgentId`): small letters, and `-` for what cannot stand in an id. */
function toAgentId(text: string): string {
  const small = text.trim().toLowerCase()
  if (/^[a-z0-9][a-z0-9_-]{0,63}$/.test(small)) return small
  return small
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64)
}
