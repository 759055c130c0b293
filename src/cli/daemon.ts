import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findConfigFile, resolveAdmin, resolveStateDir } from '../config/config.ts'
import { WecomdError } from '../errors.ts'
import type { CliIo } from './io.ts'

/** Flags of every command that asks the running daemon. */
export const daemonFlags = { url: { type: 'string' }, 'token-file': { type: 'string' } } as const
export const daemonUsage = [
  '  --url URL          the private listener, instead of admin.host and admin.port',
  '  --token-file FILE  its token, instead of the state folder (or $WECOMD_ADMIN_TOKEN)',
]

/** Asks the private listener; undefined for 404. Throws `daemon_unreachable` when nobody answers. */
export async function askDaemon(
  path: string,
  flags: { config?: string | undefined; url?: string | undefined; 'token-file'?: string | undefined },
  io: CliIo,
): Promise<unknown> {
  const access = resolveAdmin(findConfigFile(flags.config, io.env, io.cwd), io.env)
  const url = flags.url ?? `http://${access.host}:${access.port}`
  const token = readToken(flags['token-file'], access, io)
  const { fetch } = io.openWorld({ level: 'error', format: 'json' })
  const response = await fetch(`${url.replace(/\/$/, '')}${path}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  }).catch(cause => {
    throw new WecomdError('daemon_unreachable', `no daemon answers at ${url}`, {
      hint: 'is it running? --url and --config tell where it listens',
      cause,
    })
  })
  if (response.status === 404) return undefined
  if (response.status === 401) {
    throw new WecomdError('daemon_unreachable', `the daemon at ${url} refuses our token`, {
      hint: 'give --token-file, or run this as the user whose state folder holds admin-token',
    })
  }
  if (!response.ok) throw new WecomdError('daemon_unreachable', `the daemon at ${url} answered HTTP ${response.status}`)
  return response.json()
}

function readToken(
  flag: string | undefined,
  access: { readonly token?: string; readonly stateDir?: string },
  io: CliIo,
): string | undefined {
  if (flag === undefined && io.env['WECOMD_ADMIN_TOKEN']) return io.env['WECOMD_ADMIN_TOKEN']
  if (flag === undefined && access.token !== undefined) return access.token
  const file = flag ?? join(resolveStateDir(access, io.env), 'admin-token')
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  if (flag === undefined) return undefined
  throw new WecomdError('usage', `there is no token file ${file}`)
}
