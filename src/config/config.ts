import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import JSON5 from 'json5'
import { isObject } from '../domain/json.ts'
import { messageOf } from '../errors.ts'
import { type Account, accountsOf, defaultAccountOf, checkAccounts, type PartialSettings } from './accounts.ts'
import { type ConfigIssue, kindOf, warn } from './issues.ts'
import { readBySchema, reasonOf, type ConfigText } from './reading.ts'
import { type Settings, schema } from './schema.ts'

/** What the daemon runs by: all defaults filled in, secrets in place, accounts in one list. */
export interface Config extends Omit<Settings, 'channels' | 'bindings'> {
  /** `place` is where it stands in the file, where there are bindings of other channels too. */
  readonly bindings: readonly (Settings['bindings'][number] & { readonly place: number })[]
  readonly accounts: readonly Account[]
  readonly defaultAccount: string
  readonly network: Settings['channels']['wecom']['network']
  readonly media: Settings['channels']['wecom']['media']
  readonly dynamicAgents: Settings['channels']['wecom']['dynamicAgents']
  readonly webhooks: Settings['channels']['wecom']['webhooks']
  /** Folder of the config file. */
  readonly folder: string
}

/** `config` and `settings` (the same, in the shape of the file) are absent when a complaint is an error. */
export interface Loaded {
  readonly config?: Config
  readonly settings?: Settings
  readonly complaints: readonly ConfigIssue[]
}

/** What client commands need of a config file. */
export interface AdminAccess {
  readonly host: string
  readonly port: number
  readonly token?: string
  readonly stateDir?: string
  readonly complaints: readonly ConfigIssue[]
}

export type { Account } from './accounts.ts'

type Env = ConfigText['env']

/** Reads a config text. Tells everything that is wrong with it at once; never throws for what the text holds. */
export function parseConfig(text: string, source: ConfigText): Loaded {
  return parse(text, source).loaded
}

/** Reads a config file. A file that holds secrets and is open to other users is warned about. */
export function loadConfig(file: string, env: Env): Loaded {
  const source = fileSource(file, env)
  const text = readText(source)
  if (typeof text !== 'string') return { complaints: [text] }
  const { loaded, literalSecrets } = parse(text, source)
  const mode = statSync(source.file).mode & 0o777
  if (literalSecrets === 0 || (mode & 0o077) === 0) return loaded
  const message = `${source.file} holds secrets and other users may open it (mode 0${mode.toString(8)}): chmod 600`
  return { ...loaded, complaints: [...loaded.complaints, warn('', message)] }
}

/** The config file to use: `flag`, else `$WECOMD_CONFIG` (both also when missing), else the first usual place that exists. */
export function findConfigFile(flag: string | undefined, env: Env, cwd: string): string | undefined {
  const named = flag ?? (env.WECOMD_CONFIG || undefined)
  if (named !== undefined) return resolve(cwd, named)
  return usualPlaces(cwd).find(place => existsSync(place))
}

/** Where a config file is looked for when none is named. */
export function usualPlaces(cwd: string): readonly string[] {
  return [join(cwd, 'wecomd.json5'), '/etc/wecomd/wecomd.json5']
}

/** The state folder; it need not exist yet. */
export function resolveStateDir(config: { readonly stateDir?: string }, env: Env): string {
  if (config.stateDir !== undefined) return config.stateDir
  // systemd lists several folders with colons when a unit names several.
  const given = env.STATE_DIRECTORY?.split(':')[0]
  if (given) return given
  const usual = '/var/lib/wecomd'
  if (isWritable(existsSync(usual) ? usual : dirname(usual))) return usual
  return join(env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state'), 'wecomd')
}

/** Resolves only `admin.*` and `stateDir`, whatever else is wrong or cannot be resolved. Without a file: the defaults. */
export function resolveAdmin(file: string | undefined, env: Env): AdminAccess {
  const wanted = Type.Pick(schema, ['admin', 'stateDir'])
  const source = fileSource(file ?? 'none', env)
  const text = file === undefined ? '{}' : readText(source)
  const raw = typeof text === 'string' ? parseText(text, source.file) : { complaint: text }
  const { admin, stateDir } = 'value' in raw ? raw.value : {}
  const picked = { ...(admin !== undefined && { admin }), ...(stateDir !== undefined && { stateDir }) }
  const reading = readBySchema(wanted, picked, source)
  // Sound: what the reading kept is valid, and the defaults stand in for what it left out.
  const kept = reading.value as Pick<PartialSettings, 'admin' | 'stateDir'>
  return {
    host: kept.admin?.host ?? schema.properties.admin.properties.host.default ?? '127.0.0.1',
    port: kept.admin?.port ?? Number(schema.properties.admin.properties.port.default),
    ...(kept.admin?.token !== undefined && { token: kept.admin.token }),
    ...(kept.stateDir !== undefined && { stateDir: kept.stateDir }),
    complaints: 'complaint' in raw ? [raw.complaint] : reading.complaints,
  }
}

function parse(text: string, source: ConfigText): { loaded: Loaded; literalSecrets: number } {
  const raw = parseText(text, source.file)
  if ('complaint' in raw) return { loaded: { complaints: [raw.complaint] }, literalSecrets: 0 }
  const { value, places, complaints: found, literalSecrets } = readBySchema(schema, raw.value, source)
  const whole = /^channels(?:\.wecom(?:\.[^.]*|\.accounts\.[^.]*)?)?$/
  const refused = found.filter(({ path, severity }) => severity === 'error' && !holds(value, path.split('.')))
  const sure = !refused.some(({ path }) => whole.test(path))
  // Sound: what the reading kept is valid by the schema, only not complete.
  const judged = checkAccounts(value as PartialSettings, places, sure)
  // What was refused is not there for the judge: one complaint about a key is enough.
  const complaints = [...found, ...judged.filter(({ path }) => !refused.some(one => one.path === path))]
  if (complaints.some(complaint => complaint.severity === 'error')) return { loaded: { complaints }, literalSecrets }
  if (!Value.Check(schema, value)) throw new Error('the reader let something through that the schema refuses')
  return { loaded: { config: configOf(value, places, source.file), settings: value, complaints }, literalSecrets }
}

/** Whether something is left at a path. An account with a wrong name is. */
function holds(value: unknown, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined) return true
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return false
  return holds(Reflect.get(value, key), rest)
}

function parseText(
  text: string,
  file: string,
): { value: Readonly<Record<string, unknown>> } | { complaint: ConfigIssue } {
  try {
    const value: unknown = JSON5.parse(text)
    return isObject(value) ? { value } : wholeFile(`${file}: expected an object, got ${kindOf(value)}`)
  } catch (error) {
    return wholeFile(`${file}${syntaxPlaceOf(error)}`)
  }
}

function wholeFile(message: string): { complaint: ConfigIssue } {
  return { complaint: { path: '', message, severity: 'error' } }
}

/** json5 ends its messages with the place: `JSON5: invalid character 'x' at 3:14`. */
function syntaxPlaceOf(error: unknown): string {
  const message = messageOf(error).replace(/^JSON5: /, '')
  const [, words, place] = /^(.*) at (\d+:\d+)$/s.exec(message) ?? []
  return place === undefined ? `: ${message}` : `:${place}: ${words}`
}

function configOf(settings: Settings, places: readonly number[], file: string): Config {
  const { channels, ...rest } = settings
  const { network, media, dynamicAgents, webhooks } = channels.wecom
  const accounts = accountsOf(channels.wecom)
  const defaultAccount = defaultAccountOf(channels.wecom, accounts)
  const bindings = rest.bindings.map((binding, index) => ({ ...binding, place: places[index] ?? index }))
  return { ...rest, bindings, accounts, defaultAccount, network, media, dynamicAgents, webhooks, folder: dirname(file) }
}

function fileSource(file: string, env: Env): ConfigText {
  return { file: resolve(file), env, readFile: path => readFileSync(path, 'utf8'), isFolder, namesIn: readdirSync }
}

function readText(source: ConfigText): string | ConfigIssue {
  try {
    return source.readFile(source.file)
  } catch (error) {
    return { path: '', message: `cannot read the config file ${source.file}: ${reasonOf(error)}`, severity: 'error' }
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false // not there, or not for us: either way nothing can be taken from it
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    // The answer is the return value.
    return false
  }
}
