import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
import { nextDeadline } from '../core/streaming/advance.ts'
import type { World } from '../world.ts'

/** What the daemon is started with. */
export interface DaemonOptions {
  readonly config: Config
  readonly stateDir: string
  readonly version: string
  /** Absent where the config comes from no file; then it stays as it is. */
  readonly source?: ConfigSource
}

/** Where the config comes from, so that it can be read again. */
export interface ConfigSource {
  readonly file: string
  /** What the daemon starts with, in the shape of the file. */
  readonly settings: Settings
  /** Reads the file and those that it names. */
  load(): LoadedConfig
  /** A reload begins. */
  reloading(): void
  /** It is over, and this is the config by now. */
  reloaded(config: Config): void
}

/** How the gateway is reached. */
export interface Link extends Credentials {
  readonly url: string
  readonly ca?: string
  /** There are administrators, who may answer for commands that need approval. */
  readonly hasApprovers: boolean
}

export function prepareFolder(stateDir: string): void {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new WecomdError('state_folder', `the state folder ${stateDir} cannot be made`, {
      hint: 'make it writable for this user, or set stateDir',
      cause,
    })
  }
}

export function openStore({ config, stateDir }: DaemonOptions, world: World): Store {
  const { url } = config.store
  const name = url.slice('sqlite:'.length)
  const file = name === ':memory:' || name.startsWith('/') ? name : join(stateDir, name)
  return openSqliteStore({ file, pid: world.pid, dueAtOf: nextDeadline })
}

/** Reads the authority of the gateway. */
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

/** A link as this device makes it. */
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

/** Whether a gateway has approved the device of a state folder for everything. */
export function isPairedWith(url: string, stateDir: string): boolean {
  const file = pairedFile(stateDir)
  return existsSync(file) && readFileSync(file, 'utf8').startsWith(`${url} `)
}

function pairedFile(stateDir: string): string {
  return join(stateDir, 'device.paired')
}

/** Pairing is of one device with one gateway: the file names both. */
function pairingFile(file: string, pair: string): PairingMemory {
  return {
    isPaired: () => existsSync(file) && readFileSync(file, 'utf8').trim() === pair,
    remember: () => writeFileSync(file, `${pair}\n`, { mode: 0o600 }),
    forget: () => rmSync(file, { force: true }),
  }
}

/** The bearer token of the private listener; made and kept in the state folder when the config has none. */
export function adminToken(config: Config, stateDir: string, world: World): string {
  if (config.admin.token !== undefined) return config.admin.token
  const file = join(stateDir, 'admin-token')
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  const token = Buffer.from(world.random.bytes(24)).toString('base64url')
  writeFileSync(file, `${token}\n`, { mode: 0o600 })
  chmodSync(file, 0o600)
  return token
}
