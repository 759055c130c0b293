import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Static, TSchema } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { findConfigFile, resolveAdmin, resolveStateDir } from '../config/config.ts'
import { reasonOf } from '../config/reading.ts'
import { parseJson } from '../domain/json.ts'
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

const refusal = Type.Object({
  error: Type.Object({ code: Type.String(), message: Type.String(), hint: Type.Optional(Type.String()) }),
})

/** What the daemon refuses, in its words. */
export type ApiRefusal = Static<typeof refusal>['error']

/** Asks the private listener. Throws `daemon_unreachable` when no daemon answers, or somebody else. */
export async function askDaemon<Shape extends TSchema>(
  path: string,
  shape: Shape,
  flags: Flags,
  io: CliIo,
): Promise<Static<Shape>> {
  return bodyOf(await reach(path, flags, io, {}), shape)
}

/** The same for something with an id; undefined when the daemon does not know it. */
export async function lookUp<Shape extends TSchema>(
  path: string,
  shape: Shape,
  flags: Flags,
  io: CliIo,
): Promise<Static<Shape> | undefined> {
  const answer = await reach(path, flags, io, {})
  if (answer.status === 404 && refusalIn(answer)?.code === 'not_found') return undefined
  return bodyOf(answer, shape)
}

/** Sends JSON to the private listener; what the daemon refuses is its `error`. */
export async function tellDaemon<Shape extends TSchema>(
  path: string,
  body: unknown,
  shape: Shape,
  flags: Flags,
  io: CliIo,
  method: 'POST' | 'DELETE' = 'POST',
): Promise<{ body: Static<Shape> } | { error: ApiRefusal }> {
  const headers = { 'content-type': 'application/json' }
  const answer = await reach(path, flags, io, { method, headers, body: JSON.stringify(body) })
  if (answer.status === 413) return { error: { code: 'too_large', message: 'the daemon takes at most 32 MiB' } }
  const error = isOk(answer) ? undefined : refusalIn(answer)
  return error === undefined ? { body: bodyOf(answer, shape) } : { error }
}

/** What answered at the address of the daemon; `body` is undefined when it is no JSON. */
interface Answer {
  readonly url: string
  readonly status: number
  readonly body: unknown
}

function isOk({ status }: Answer): boolean {
  return status >= 200 && status < 300
}

function refusalIn({ body }: Answer): ApiRefusal | undefined {
  return Value.Check(refusal, body) ? body.error : undefined
}

/** What a command needs of an answer. Anybody may listen at an address that was mistyped. */
function bodyOf<Shape extends TSchema>(answer: Answer, shape: Shape): Static<Shape> {
  const { url, status, body } = answer
  if (isOk(answer) && Value.Check(shape, body)) return body
  const said = refusalIn(answer)
  if (said !== undefined) {
    throw new WecomdError('daemon_unreachable', `the daemon at ${url} answered HTTP ${status}: ${said.message}`)
  }
  const how = isOk(answer) ? '' : `: it answered HTTP ${status}`
  throw new WecomdError('daemon_unreachable', `what answers at ${url} is not wecomd, or not of this release${how}`, {
    hint: '--url and --config tell where the daemon listens',
  })
}

/** Prints what the daemon refuses; returns the exit code. */
export function refuse(error: ApiRefusal, { json }: { readonly json?: boolean | undefined }, io: CliIo): number {
  if (json) io.out(JSON.stringify({ error }))
  io.err(`wecomd: ${error.message}`)
  if (error.hint !== undefined) io.err(`  ${error.hint}`)
  return exitCodes.failed
}

/** Longer than this no answer takes. */
const patienceMs = 60_000

async function reach(
  path: string,
  flags: Flags,
  io: CliIo,
  init: { headers?: object; method?: string; body?: string },
): Promise<Answer> {
  const access = resolveAdmin(findConfigFile(flags.config, io.env, io.cwd), io.env)
  const url = flags.url ?? `http://${access.host.includes(':') ? `[${access.host}]` : access.host}:${access.port}`
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw new WecomdError('usage', `${url} is not a URL such as http://127.0.0.1:8781`)
  }
  const token = findToken(flags['token-file'], access, io)
  const { fetch } = io.openWorld({ level: 'error', format: 'json' })
  const { status, text } = await fetch(`${url.replace(/\/$/, '')}${path}`, {
    ...init,
    headers: { ...init.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    signal: AbortSignal.timeout(patienceMs),
  })
    .then(async response => ({ status: response.status, text: await response.text() }))
    .catch(cause => {
      const hint =
        'is it running? --url and --config tell where it listens; an edited admin section counts from its next start'
      throw new WecomdError('daemon_unreachable', `no daemon answers at ${url}`, {
        hint: (flags.url === undefined && whyUnknown(access)) || hint,
        cause,
      })
    })
  const answer = { url, status, body: parseJson(text) }
  if (refusalIn(answer)?.code !== 'unauthorized') return answer
  const hint =
    'give --token-file, or run this as the user whose state folder holds admin-token; an edited stateDir counts from its next start'
  throw new WecomdError('daemon_unreachable', `the daemon at ${url} refuses our token`, {
    hint: (flags['token-file'] === undefined && whyUnknown(access)) || hint,
  })
}

/** What is wrong with the part of the config that says where the daemon is. */
function whyUnknown({ complaints }: ReturnType<typeof resolveAdmin>): string | undefined {
  const complaint = complaints.find(({ severity }) => severity === 'error')
  if (complaint === undefined) return undefined
  const told = [complaint.path, complaint.message].filter(Boolean).join(': ')
  return `the config is not valid: ${told}; a daemon that goes on by the one before is found with --url`
}

function findToken(
  flag: string | undefined,
  access: { readonly token?: string; readonly stateDir?: string },
  io: CliIo,
): string | undefined {
  const given = flag === undefined ? io.env['WECOMD_ADMIN_TOKEN'] : undefined
  if (given) return checkToken(given, 'usage', '$WECOMD_ADMIN_TOKEN')
  if (flag === undefined && access.token !== undefined) return checkToken(access.token, 'config', 'admin.token')
  const file = flag ?? join(resolveStateDir(access, io.env), 'admin-token')
  const code = flag === undefined ? 'config' : 'usage'
  if (existsSync(file)) return checkToken(readToken(file, code), code, `the file ${file}`)
  if (flag === undefined) return undefined
  throw new WecomdError('usage', `there is no token file ${file}`)
}

function readToken(file: string, code: 'usage' | 'config'): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new WecomdError(code, `the token file ${file} cannot be read: ${reasonOf(error)}`)
  }
}

/** What cannot stand in a header is no token of ours. */
function checkToken(text: string, code: 'usage' | 'config', where: string): string {
  const token = text.trim()
  if (/^[\x20-\x7e]{1,4096}$/.test(token)) return token
  throw new WecomdError(code, `${where} holds no token: expected one line of letters, digits and signs`)
}
