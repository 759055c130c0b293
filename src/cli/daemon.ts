import type { Static, TSchema } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { parseJson } from '../domain/json.ts'
import { findConfigFile, resolveAdmin } from '../config/config.ts'
import { WecomdError } from '../errors.ts'
import { findAdminToken } from './admin-token.ts'
import { exitCodes } from './exit-codes.ts'
import type { commonFlags, FlagValues } from './table/command.ts'
import type { daemonFlags } from './table/flags.ts'
import type { Terminal } from './terminal.ts'
import { type DaemonTexts, daemonTexts } from './texts/daemon.ts'

/** What a command that asks the daemon knows about where it is. */
export type DaemonValues = Pick<FlagValues<typeof daemonFlags & typeof commonFlags>, 'config' | 'url' | 'token-file'>

const refusal = Type.Object({
  error: Type.Object({ code: Type.String(), message: Type.String(), hint: Type.Optional(Type.String()) }),
})

/** Why the daemon refused a request, in its own words. */
export type ApiRefusal = Static<typeof refusal>['error']

/** Asks the private listener. Throws `daemon_unreachable` when no daemon answers, or something else does. */
export async function askDaemon<Shape extends TSchema>(
  path: string,
  shape: Shape,
  flags: DaemonValues,
  terminal: Terminal,
  withinMs = timeoutMs,
): Promise<Static<Shape>> {
  return bodyOf(await reach(path, flags, terminal, {}, withinMs), shape, terminal)
}

/** The same for something with an id; undefined when the daemon does not know it. */
export async function lookUp<Shape extends TSchema>(
  path: string,
  shape: Shape,
  flags: DaemonValues,
  terminal: Terminal,
): Promise<Static<Shape> | undefined> {
  const answer = await reach(path, flags, terminal, {})
  const refused = refusalIn(answer)
  if (answer.status === 404 && refused?.code === 'not_found') return undefined
  if (refused?.code === 'ambiguous') {
    throw new WecomdError('ambiguous', refused.message, refused.hint === undefined ? {} : { hint: refused.hint })
  }
  return bodyOf(answer, shape, terminal)
}

/** Sends JSON to the private listener; `error` is why the daemon refused it. */
export async function sendToDaemon<Shape extends TSchema>(
  path: string,
  body: unknown,
  shape: Shape,
  flags: DaemonValues,
  terminal: Terminal,
  method: 'POST' | 'DELETE' = 'POST',
): Promise<{ body: Static<Shape> } | { error: ApiRefusal }> {
  const headers = { 'content-type': 'application/json' }
  const answer = await reach(path, flags, terminal, { method, headers, body: JSON.stringify(body) })
  if (answer.status === 413) return { error: { code: 'too_large', message: daemonTexts[terminal.language].tooLarge } }
  const error = isOk(answer) ? undefined : refusalIn(answer)
  return error === undefined ? { body: bodyOf(answer, shape, terminal) } : { error }
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

/** The part of an answer that a command needs. Any server may listen at a mistyped address. */
function bodyOf<Shape extends TSchema>(answer: Answer, shape: Shape, { language }: Terminal): Static<Shape> {
  const { url, status, body } = answer
  const texts = daemonTexts[language]
  if (isOk(answer) && Value.Check(shape, body)) return body
  const refused = refusalIn(answer)
  if (refused !== undefined) {
    throw new WecomdError('daemon_unreachable', texts.answered(url, status, refused.message))
  }
  throw new WecomdError('daemon_unreachable', texts.stranger(url, isOk(answer) ? undefined : status), {
    hint: texts.strangerHint,
  })
}

/** Prints why the daemon refused a request; returns the exit code. */
export function refuse(
  error: ApiRefusal,
  { json }: { readonly json?: boolean | undefined },
  terminal: Pick<Terminal, 'out' | 'err'>,
): number {
  if (json) terminal.out(JSON.stringify({ error }))
  terminal.err(`wecomd: ${error.message}`)
  if (error.hint !== undefined) terminal.err(`  ${error.hint}`)
  return exitCodes.failed
}

/** No answer takes longer than this. */
const timeoutMs = 60_000

async function reach(
  path: string,
  flags: DaemonValues,
  terminal: Terminal,
  init: { headers?: object; method?: string; body?: string },
  withinMs = timeoutMs,
): Promise<Answer> {
  const { env, cwd, language } = terminal
  const texts = daemonTexts[language]
  const access = resolveAdmin(findConfigFile(flags.config, env, cwd), env)
  const url = flags.url ?? `http://${access.host.includes(':') ? `[${access.host}]` : access.host}:${access.port}`
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) throw new WecomdError('usage', texts.notUrl(url))
  const token = findAdminToken(flags['token-file'], access, terminal)
  const { fetch } = terminal.openWorld({ level: 'error', format: 'json' })
  const { status, text } = await fetch(`${url.replace(/\/$/, '')}${path}`, {
    ...init,
    headers: { ...init.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    signal: AbortSignal.timeout(withinMs),
  })
    .then(async response => ({ status: response.status, text: await response.text() }))
    .catch(cause => {
      const hint = (flags.url === undefined && whyUnknown(access, texts)) || texts.unreachableHint
      throw new WecomdError('daemon_unreachable', texts.unreachable(url), { hint, cause })
    })
  const answer = { url, status, body: parseJson(text) }
  if (refusalIn(answer)?.code !== 'unauthorized') return answer
  const hint = (flags['token-file'] === undefined && whyUnknown(access, texts)) || texts.tokenRefusedHint
  throw new WecomdError('daemon_unreachable', texts.tokenRefused(url), { hint })
}

/** What is wrong with the part of the config that says where the daemon is. */
function whyUnknown({ issues }: ReturnType<typeof resolveAdmin>, texts: DaemonTexts): string | undefined {
  const issue = issues.find(({ severity }) => severity === 'error')
  return issue && texts.configInvalid([issue.path, issue.message].filter(Boolean).join(': '))
}
