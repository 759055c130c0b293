import { createHmac } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config, LoadedConfig } from '../config/config.ts'
import type { Settings } from '../config/schema.ts'
import type { Store } from '../domain/ports.ts'
import { WecomdError } from '../errors.ts'
import type { ConnectionOptions } from '../gateway/link/socket.ts'
import { loadDevice } from '../gateway/link/device.ts'
import { type Credentials, Handshake, type PairingMemory, type Purpose } from '../gateway/link/handshake.ts'
import { backoffMs } from '../scheduler/backoff.ts'
import { openSqliteStore } from '../store/sqlite/store.ts'
import { nextDeadline } from '../core/streaming/deadlines.ts'
import { type World, writeSecretFile } from '../world.ts'

/** The options of the daemon. */
export interface DaemonOptions {
  readonly config: Config
  readonly stateDir: string
  readonly version: string
  /** Absent if the config does not come from a file. It then cannot be reloaded. */
  readonly source?: ConfigSource
}

/** The config file, for reloading. */
export interface ConfigSource {
  readonly file: string
  /** The settings at the start, in the shape of the file. */
  readonly settings: Settings
  /** Reads the file, and the secret and CA files that it refers to. */
  load(): LoadedConfig
  /** Called when a reload begins. */
  reloading(): void
  /** Called when a reload has ended, with the config that is now active. */
  reloaded(config: Config): void
}

/** The URL and the credentials of the gateway. */
export interface Link extends Credentials {
  readonly url: string
  readonly ca?: string
  /** Whether there are administrators who may approve commands. */
  readonly hasApprovers: boolean
}

/** Creates the state folder, or throws `state_folder`. */
export function prepareFolder(stateDir: string): void {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new WecomdError('state_folder', `cannot create the state folder ${stateDir}`, {
      hint: 'make its parent folder writable for this user, or set stateDir',
      cause,
    })
  }
}

/** Opens the database. A relative path in `store.url` starts at the state folder. */
export function openStore({ config, stateDir }: DaemonOptions, world: World): Store {
  const { url } = config.store
  const name = url.slice('sqlite:'.length)
  const file = name === ':memory:' || name.startsWith('/') ? name : join(stateDir, name)
  return openSqliteStore({ file, pid: world.pid, dueAtOf: nextDeadline })
}

/** Collects the link settings of a config. Reads the CA file, and throws if that fails. */
export function linkOf({ gateway, dynamicAgents }: Config): Link {
  const { url, token, password, deviceToken, caFile } = gateway
  return {
    url,
    hasApprovers: dynamicAgents.adminUsers.length > 0,
    ...(token && { token }),
    ...(password && { password }),
    ...(deviceToken && { deviceToken }),
    ...(caFile !== undefined && { ca: readFileSync(caFile, 'utf8') }),
  }
}

/** Creates the connection options of one link, with the key of this device. Throws if the key cannot be read. */
export function connectionOptions(
  link: Link,
  purpose: Purpose,
  { stateDir, version }: DaemonOptions,
): ConnectionOptions {
  const { url, ca, hasApprovers, ...credentials } = link
  const device = loadDevice(join(stateDir, 'device.pem'))
  const pairing = pairingFile(pairedFile(stateDir), `${url} ${device.id}`)
  const handshake = new Handshake({ purpose, hasApprovers }, credentials, device, version, pairing)
  return { url, handshake, backoffMs, ...(ca !== undefined && { ca }) }
}

/** Whether the gateway at `url` has approved this state folder's device with all scopes. */
export function isPairedWith(url: string, stateDir: string): boolean {
  const file = pairedFile(stateDir)
  return existsSync(file) && readFileSync(file, 'utf8').startsWith(`${url} `)
}

function pairedFile(stateDir: string): string {
  return join(stateDir, 'device.paired')
}

/** Remembers a pairing in a file. A pairing is valid for one device and one gateway, so the file contains both. */
function pairingFile(file: string, pair: string): PairingMemory {
  return {
    isPaired: () => existsSync(file) && readFileSync(file, 'utf8').trim() === pair,
    remember: () => writeFileSync(file, `${pair}\n`, { mode: 0o600 }),
    forget: () => rmSync(file, { force: true }),
  }
}

const logKeyBytes = 32
/** Every message names its sender in the log. */
const cachedNames = 10_000

/**
 * Creates the function that names a user in the log: ten hex digits of an HMAC. Its key is generated once and stored in
 * the state folder, so that a user has the same name in every line, and the log alone tells nobody who it is.
 */
export function userNames(stateDir: string, world: World): (userid: string) => string {
  const file = join(stateDir, 'log-key')
  const stored = existsSync(file) ? Buffer.from(readFileSync(file, 'utf8').trim(), 'hex') : undefined
  const isUsable = stored?.length === logKeyBytes
  const key = isUsable ? stored : Buffer.from(world.random.bytes(logKeyBytes))
  if (!isUsable) writeSecretFile(file, `${key.toString('hex')}\n`)
  const known = new Map<string, string>()
  return userid => {
    const cached = known.get(userid)
    if (cached !== undefined) return cached
    const name = createHmac('sha256', key).update(userid.toLowerCase()).digest('hex').slice(0, 10)
    if (known.size >= cachedNames) known.clear()
    known.set(userid, name)
    return name
  }
}

/** A token truncated by a full disk or a power cut is shorter. */
const usableToken = /^[\x21-\x7e]{32,4096}$/

/**
 * The bearer token of the private listener. Without one in the config, it is generated and stored in the state folder.
 * An unusable one there is replaced: no client can have it, and an empty one would let everyone in.
 */
export function adminToken(config: Config, stateDir: string, world: World): string {
  if (config.admin.token !== undefined) return config.admin.token
  const file = join(stateDir, 'admin-token')
  const stored = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
  if (stored !== undefined && usableToken.test(stored)) return stored
  if (stored !== undefined)
    world.log.warn('the stored admin token was empty or truncated: generated a new one', { file })
  const token = Buffer.from(world.random.bytes(24)).toString('base64url')
  writeSecretFile(file, `${token}\n`)
  return token
}
