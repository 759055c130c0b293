import { messageOf, WecomdError } from '../errors.ts'
import { exitCodes } from './exit-codes.ts'
import type { CliIo } from './io.ts'
import { languageOf } from './language.ts'
import { createPaint } from './paint.ts'
import { programs } from './programs.ts'
import { helpForAll, helpForCommand } from './table/help.ts'
import { peek } from './table/arguments.ts'
import { parseRequest, type CliRequest } from './table/parse.ts'
import { UsageError } from './table/usage-error.ts'
import { openTerminal, type Terminal } from './terminal.ts'
import { type UsageTexts, usageTexts } from './texts/usage.ts'

/** How the process ends. */
export interface CommandEnd {
  readonly code: number
  /** The command was stopped, so nobody has to wait for the reader of its output. */
  readonly isLasting: boolean
}

/** Runs what the arguments ask for; whatever goes wrong is printed. */
export async function dispatch(args: readonly string[], io: CliIo): Promise<CommandEnd> {
  const texts = usageTexts[languageOf(peek(args), io)]
  let isLasting = false
  try {
    const request = parseRequest(args, texts)
    isLasting = request.kind === 'run' && request.command.isLasting === true
    const asked = request.kind === 'run' || request.kind === 'overview' ? request.values : peek(args)
    const [lang, config] = [textOf(asked['lang']), textOf(asked['config'])]
    const language = languageOf({ lang, config }, io)
    const terminal = openTerminal(io, { language, utc: 'utc' in asked })
    return { code: await answer(request, terminal), isLasting }
  } catch (error) {
    return { code: report(error, texts, io), isLasting }
  }
}

async function answer(request: CliRequest, terminal: Terminal): Promise<number> {
  switch (request.kind) {
    case 'overview':
      return await (await import('./overview.ts')).overview(request.values, terminal)
    case 'help':
      print(request.place === undefined ? helpForAll(terminal) : helpForCommand(request.place, terminal), terminal)
      return exitCodes.ok
    case 'run':
      return await runCommand(request, terminal)
    default:
      return request satisfies never
  }
}

async function runCommand(
  { path, ...call }: Extract<CliRequest, { kind: 'run' }>,
  terminal: Terminal,
): Promise<number> {
  const [name = '', sub] = path
  // Sound: the parser made the values by the entry of the table that types this very program.
  const program = (await programs[name as keyof typeof programs]()) as AnyProgram
  const handler = typeof program === 'function' ? program : program[sub ?? '']
  if (handler === undefined) throw new Error(`nothing runs ${path.join(' ')}`)
  return await handler(call, terminal)
}

type AnyHandler = (call: unknown, terminal: Terminal) => Promise<number>
type AnyProgram = AnyHandler | Readonly<Record<string, AnyHandler>>

/** Prints what went wrong and what to do about it; returns the exit code. */
function report(error: unknown, texts: UsageTexts, io: CliIo): number {
  const paint = createPaint(io.isErrTty, io.env)
  io.err(`${paint.bad('wecomd:')} ${messageOf(error)}`)
  if (error instanceof UsageError) io.err(`  ${texts.seeHelp(['wecomd', ...error.path].join(' '))}`)
  else if (error instanceof WecomdError && error.hint !== undefined) io.err(`  ${error.hint}`)
  if (!(error instanceof WecomdError) && error instanceof Error) io.err(error.stack ?? '')
  return exitCodeOf(error)
}

function exitCodeOf(error: unknown): number {
  if (!(error instanceof WecomdError)) return exitCodes.failed
  switch (error.code) {
    case 'usage':
      return exitCodes.usage
    case 'config':
    case 'bad_key':
      return exitCodes.config
    case 'daemon_unreachable':
      return exitCodes.unreachable
    case 'state_folder':
    case 'port_in_use':
    case 'store_locked':
    case 'store_schema':
      return exitCodes.cannotStart
    default:
      return exitCodes.failed
  }
}

function print(lines: readonly string[], io: Pick<CliIo, 'out'>): void {
  for (const line of lines) io.out(line)
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
