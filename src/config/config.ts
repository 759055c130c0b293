import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { isObject } from '../domain/json.ts'
import { messageOf } from '../errors.ts'
import { type Account, accountsOf, defaultAccountOf, checkAccounts, type PartialSettings } from './accounts.ts'
import { type ConfigIssue, describeType, warn } from './issues.ts'
import { readBySchema, fileErrorReason, type SourceFile } from './reading.ts'
import { type Settings, schema } from './schema.ts'
import { decodeUtf8, doubledKeys, parseJson5 } from './syntax.ts'

/** A valid config: defaults and secrets filled in, and all accounts in one list. */
export interface Config extends Omit<Settings, 'channels' | 'bindings'> {
  /** `index` is the position in the file, which also counts the bindings of other channels. */
  readonly bindings: readonly (Settings['bindings'][number] & { readonly index: number })[]
  readonly accounts: readonly Account[]
  readonly defaultAccount: string
  readonly network: Settings['channels']['wecom']['network']
  readonly media: Settings['channels']['wecom']['media']
  readonly dynamicAgents: Settings['channels']['wecom']['dynamicAgents']
  readonly webhooks: Settings['channels']['wecom']['webhooks']
  /** The folder of the config file. */
  readonly folder: string
}

/** The result of loading. `config` and `settings` (the same content, in the shape of the file) are set unless an issue is an error. */
export interface LoadedConfig {
  readonly config?: Config
  readonly settings?: Settings
  readonly issues: readonly ConfigIssue[]
}

/** The part of a config file that client commands need to reach the private listener. */
export interface AdminAccess {
  readonly host: string
  readonly port: number
  readonly token?: string
  readonly stateDir?: string
  readonly issues: readonly ConfigIssue[]
}

export type { Account } from './accounts.ts'

type Env = SourceFile['env']

/** Parses and validates a config. Reports every issue in one run, and never throws because of the content. */
export function parseConfig(text: string, source: SourceFile): LoadedConfig {
  return parse(text, source).loaded
}

/** Loads a config file; `isRunning` for a daemon that loads it again. Also warns if the file contains secrets and other users can access it. */
export function loadConfig(file: string, env: Env, isRunning = false): LoadedConfig {
  const source = { ...sourceOf(file, env), isRunning }
  const text = readText(source)
  if (typeof text !== 'string') return { issues: [text] }
  const { loaded, literalSecrets } = parse(text, source)
  const mode = statSync(source.file).mode & 0o777
  if (literalSecrets === 0 || (mode & 0o077) === 0) return loaded
  const message = `${source.file} contains secrets and other users can access it (mode 0${mode.toString(8)}); run chmod 600 on it`
  return { ...loaded, issues: [...loaded.issues, warn('', message)] }
}

/**
 * Finds the config file: `flag`, else `$WECOMD_CONFIG`, else the first default path that exists. A file named by the flag or
 * the variable is returned even if it does not exist, so that loading it reports the mistake.
 */
export function findConfigFile(flag: string | undefined, env: Env, cwd: string): string | undefined {
  const named = flag ?? (env.WECOMD_CONFIG || undefined)
  if (named !== undefined) return resolve(cwd, named)
  return defaultConfigFiles(cwd).find(file => existsSync(file))
}

/** The paths to try, in this order, if neither `--config` nor `$WECOMD_CONFIG` is set. */
export function defaultConfigFiles(cwd: string): readonly string[] {
  return [join(cwd, 'wecomd.json5'), '/etc/wecomd/wecomd.json5']
}

/** Resolves the path of the state folder, which may not exist yet. */
export function resolveStateDir(config: { readonly stateDir?: string }, env: Env): string {
  if (config.stateDir !== undefined) return config.stateDir
  // With several folders in StateDirectory=, systemd joins them with colons.
  const given = env.STATE_DIRECTORY?.split(':')[0]
  if (given) return given
  const systemFolder = '/var/lib/wecomd'
  if (isWritable(existsSync(systemFolder) ? systemFolder : dirname(systemFolder))) return systemFolder
  return join(env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state'), 'wecomd')
}

/**
 * Resolves only `admin.*` and `stateDir`, with the defaults if `file` is undefined. Errors elsewhere in the file are ignored:
 * a client command must still reach the daemon.
 */
export function resolveAdmin(file: string | undefined, env: Env): AdminAccess {
  const wanted = Type.Pick(schema, ['admin', 'stateDir'])
  const source = sourceOf(file ?? 'none', env)
  const text = file === undefined ? '{}' : readText(source)
  const raw = typeof text === 'string' ? parseText(text, source.file) : { issue: text }
  const { admin, stateDir } = 'value' in raw ? raw.value : {}
  const picked = { ...(admin !== undefined && { admin }), ...(stateDir !== undefined && { stateDir }) }
  const reading = readBySchema(wanted, picked, source)
  // Sound: the reader keeps only valid values, and the defaults replace the rest.
  const kept = reading.value as Pick<PartialSettings, 'admin' | 'stateDir'>
  return {
    host: kept.admin?.host ?? schema.properties.admin.properties.host.default ?? '127.0.0.1',
    port: kept.admin?.port ?? Number(schema.properties.admin.properties.port.default),
    ...(kept.admin?.token !== undefined && { token: kept.admin.token }),
    ...(kept.stateDir !== undefined && { stateDir: kept.stateDir }),
    issues: 'issue' in raw ? [raw.issue] : reading.issues,
  }
}

function parse(text: string, source: SourceFile): { loaded: LoadedConfig; literalSecrets: number } {
  const raw = parseText(text, source.file)
  if ('issue' in raw) return { loaded: { issues: [raw.issue] }, literalSecrets: 0 }
  const { value, bindingIndexes, issues: read, literalSecrets } = readBySchema(schema, raw.value, source)
  const doubled = doubledKeys(text).map(({ path, line }) =>
    warn(path, `is written twice; the one in line ${line} counts`),
  )
  const found = [...doubled, ...read]
  const accountPath = /^channels(?:\.wecom(?:\.[^.]*|\.accounts\.[^.]*)?)?$/
  const removed = found.filter(({ path, severity }) => severity === 'error' && !hasPath(value, path.split('.')))
  const areAccountsComplete = !removed.some(({ path }) => accountPath.test(path))
  // Sound: the reader keeps only values that the schema accepts; some may be absent.
  const checked = checkAccounts(value as PartialSettings, bindingIndexes, areAccountsComplete)
  // An invalid key was removed, so checkAccounts reports it as missing. One issue per key is enough.
  const issues = [...found, ...checked.filter(({ path }) => !removed.some(issue => issue.path === path))]
  if (issues.some(issue => issue.severity === 'error')) return { loaded: { issues }, literalSecrets }
  if (!Value.Check(schema, value)) throw new Error('the config reader accepted a value that the schema rejects')
  return { loaded: { config: configOf(value, bindingIndexes, source.file), settings: value, issues }, literalSecrets }
}

/** Whether a value is present at `path`. An account with an invalid name is reported as an error but stays present. */
function hasPath(value: unknown, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined) return true
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return false
  return hasPath(Reflect.get(value, key), rest)
}

function parseText(text: string, file: string): { value: Readonly<Record<string, unknown>> } | { issue: ConfigIssue } {
  try {
    const value = parseJson5(text)
    return isObject(value) ? { value } : fileIssue(`${file}: expected an object, got ${describeType(value)}`)
  } catch (error) {
    return fileIssue(`${file}${messageOf(error)}`)
  }
}

function fileIssue(message: string): { issue: ConfigIssue } {
  return { issue: { path: '', message, severity: 'error' } }
}

function configOf(settings: Settings, bindingIndexes: readonly number[], file: string): Config {
  const { channels, ...rest } = settings
  const { network, media, dynamicAgents, webhooks } = channels.wecom
  const accounts = accountsOf(channels.wecom)
  const defaultAccount = defaultAccountOf(channels.wecom, accounts)
  const bindings = rest.bindings.map((binding, index) => ({ ...binding, index: bindingIndexes[index] ?? index }))
  return { ...rest, bindings, accounts, defaultAccount, network, media, dynamicAgents, webhooks, folder: dirname(file) }
}

function sourceOf(file: string, env: Env): SourceFile {
  return {
    file: resolve(file),
    env,
    readFile: path => decodeUtf8(readFileSync(path)),
    isFolder,
    listFolder: readdirSync,
  }
}

function readText(source: SourceFile): string | ConfigIssue {
  try {
    return source.readFile(source.file)
  } catch (error) {
    return {
      path: '',
      message: `cannot read the config file ${source.file}: ${fileErrorReason(error)}`,
      severity: 'error',
    }
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false // missing or not accessible: either way no file can be read from it
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false // accessSync reports "not writable" by throwing
  }
}
