import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Store } from '../domain/ports.ts'
import { WecomdError } from '../errors.ts'
import { Connection } from '../gateway/connection.ts'
import { loadDevice } from '../gateway/device.ts'
import { Handshake, type PairingMemory } from '../gateway/handshake.ts'
import { backoffMs } from '../scheduler/backoff.ts'
import type { Scheduler } from '../scheduler/scheduler.ts'
import { openSqliteStore } from '../store/sqlite/store.ts'
import { nextDeadline } from '../streaming/turn.ts'
import type { World } from '../world.ts'

/** What the daemon is started with. */
export interface AppOptions {
  readonly config: Config
  readonly stateDir: string
  readonly version: string
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

export function openStore({ config, stateDir }: AppOptions, world: World): Store {
  const { url } = config.store
  const name = url.slice('sqlite:'.length)
  const file = name === ':memory:' || name.startsWith('/') ? name : join(stateDir, name)
  return openSqliteStore({ file, pid: world.pid, dueAtOf: nextDeadline })
}

export function openConnection({ config, stateDir, version }: AppOptions, world: World, timers: Scheduler): Connection {
  const { url, token, password, deviceToken, caFile } = config.gateway
  const credentials = { ...(token && { token }), ...(password && { password }), ...(deviceToken && { deviceToken }) }
  const device = loadDevice(join(stateDir, 'device.pem'))
  const pairing = pairingFile(join(stateDir, 'device.paired'), `${url} ${device.id}`)
  const handshake = new Handshake(credentials, device, version, pairing)
  const ca = caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }
  const { clock, random, openSocket, log } = world
  return new Connection(
    { url, handshake, backoffMs, ...ca },
    { clock, timers, random, openSocket, log: log.area('gateway') },
  )
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
