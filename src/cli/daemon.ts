import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findConfigFile, resolveAdmin, resolveStateDir } from '../config/config.ts'
import { WecomdError } from '../errors.ts'
import type { CliIo } from './io.ts'
import { exitCodes } from './usage.ts'

/** Flags of every command that asks the running daemon. */
export const daemonFlags = { url: { type: 'string' }, 'token-file': { type: 'string' } } as const
export const daemonUsage = [
  '  --url URL          the private listener, instead of admin.host and admin.port',
  '  --token-file FILE  its token, instead of the state folder (or $WECOMD_ADMIN_TOKEN)',
]

type Flags = {
  readonly config?: string | undefined
  readonly url?: string | undefined
  readonly 'token-file'?: string | undefined
}

/** What the daemon refuses, in its words. */
export interface Refusal {
  readonly code: string
  readonly message: string
  readonly hint?: string
}

/** Asks the private listener; undefined for 404. Throws `daemon_unreachable` when nobody answers. */
export async function askDaemon(path: string, flags: Flags, io: CliIo): Promise<unknown> {
  const { response, url } = await reach(path, flags, io, {})
  if (response.status === 404) return undefined
  if (!response.ok) throw new WecomdError('daemon_unreachable', `the daemon at ${url} answered HTTP ${response.status}`)
  return response.json()
}

/** Sends JSON to the private listener; what the daemon refuses is its `error`. */
export async function tellDaemon(
  path: string,
  body: unknown,
  flags: Flags,
  io: CliIo,
  method: 'POST' | 'DELETE' = 'POST',
): Promise<{ body: unknown } | { error: Refusal }> {
  const headers = { 'content-type': 'application/json' }
  const { response, url } = await reach(path, flags, io, { method, headers, body: JSON.stringify(body) })
  if (response.ok) return { body: await response.json() }
  if (response.status === 413) return { error: { code: 'too_large', message: 'the daemon takes at most 32 MiB' } }
  const answer: unknown = await response.json().catch(() => undefined)
  const error = typeof answer === 'object' && answer !== null && 'error' in answer ? answer.error : undefined
  if (isRefusal(error)) return { error }
  throw new WecomdError('daemon_unreachable', `the daemon at ${url} answered HTTP ${response.status}`)
}

/** Prints what the daemon refuses; returns the exit code. */
export function refuse(error: Refusal, { json }: { readonly json?: boolean | undefined }, io: CliIo): number {
  if (json) io.out(JSON.stringify({ error }))
  io.err(`wecomd: ${error.message}`)
  if (error.hint !== undefined) io.err(`  ${error.hint}`)
  return exitCodes.failed
}

function isRefusal(error: unknown): error is Refusal {
  return typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string'
}

async function reach(
  path: string,
  flags: Flags,
  io: CliIo,
  init: { headers?: object; method?: string; body?: string },
) {
  const access = resolveAdmin(findConfigFile(flags.config, io.env, io.cwd), io.env)
  const url = flags.url ?? `http://${access.host}:${access.port}`
  const token = readToken(flags['token-file'], access, io)
  const { fetch } = io.openWorld({ level: 'error', format: 'json' })
  const response = await fetch(`${url.replace(/\/$/, '')}${path}`, {
    ...init,
    headers: { ...init.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  }).catch(cause => {
    throw new WecomdError('daemon_unreachable', `no daemon answers at ${url}`, {
      hint:
        (flags.url === undefined && whyUnknown(access)) || 'is it running? --url and --config tell where it listens',
      cause,
    })
  })
  if (response.status === 401) {
    throw new WecomdError('daemon_unreachable', `the daemon at ${url} refuses our token`, {
      hint:
        (flags['token-file'] === undefined && whyUnknown(access)) ||
        'give --token-file, or run this as the user whose state folder holds admin-token',
    })
  }
  return { response, url }
}

/** What is wrong with the part of the config that says where the daemon is. */
function whyUnknown({ complaints }: ReturnType<typeof resolveAdmin>): string | undefined {
  const complaint = complaints.find(({ severity }) => severity === 'error')
  return complaint && `the config is not valid: ${[complaint.path, complaint.message].filter(Boolean).join(': ')}`
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
