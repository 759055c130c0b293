import { type ParseArgsConfig, parseArgs } from 'node:util'
import { messageOf } from '../errors.ts'
import type { CliIo } from './io.ts'

type Options = NonNullable<ParseArgsConfig['options']>
type Values<Flags extends Options> = ReturnType<
  typeof parseArgs<{ options: Flags & typeof always; strict: true; allowPositionals: boolean }>
>['values']

/** Flags of every command. */
const always = { config: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const

/** The two flags of every command, for its usage text. */
export const alwaysUsage = [
  '  --config FILE      the config file',
  '  --json             print JSON',
  '  --help             print this',
]

/** Exit codes that every command shares. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, config: 3, unreachable: 4, cannotStart: 5 } as const

/**
 * Parses the arguments of a command. `exit` is set when there is nothing left to do: the usage was asked for and
 * printed, or the arguments are wrong and a sentence about it was.
 */
export function parseCommand<const Flags extends Options>(
  args: readonly string[],
  io: CliIo,
  command: { readonly usage: readonly string[]; readonly flags: Flags; readonly positionals: number },
): { exit: number } | { exit?: never; values: Values<Flags>; positionals: readonly string[] } {
  try {
    const options = { ...command.flags, ...always }
    const { values, positionals } = parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
    if (Reflect.get(values, 'help') === true) {
      for (const line of command.usage) io.out(line)
      return { exit: exitCodes.ok }
    }
    const empty = Object.entries(values).find(([, value]) => value === '')
    if (empty !== undefined) return { exit: usageError(io, `--${empty[0]} is empty`, command.usage) }
    const surplus = positionals[command.positionals]
    if (surplus !== undefined) return { exit: usageError(io, `unexpected argument "${surplus}"`, command.usage) }
    return { values, positionals }
  } catch (error) {
    return { exit: usageError(io, messageOf(error).split('. ')[0] ?? '', command.usage) }
  }
}

/** Says what is wrong with the arguments and how the command is called; returns the exit code. */
export function usageError(io: CliIo, message: string, usage: readonly string[]): number {
  io.err(`wecomd: ${message}`)
  io.err(usage[0] ?? '')
  return exitCodes.usage
}
