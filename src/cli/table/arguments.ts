import { parseArgs } from 'node:util'
import { nearestOf } from '../../config/issues.ts'
import type { UsageTexts } from '../texts/usage.ts'
import { type Flags, commonFlags, isFamily } from './command.ts'
import { everyPlace } from './commands.ts'
import { notOneOf, UsageError } from './usage-error.ts'

/** Flags with their values; those that were not given are missing. */
export type Values = Readonly<Record<string, string | true | undefined>>

/** `--lang` and `--config` wherever they stand, for the language of what is said about the rest. */
export function peek(args: readonly string[]): { readonly lang?: string; readonly config?: string } {
  const { values } = parseArgs({ args: [...args], options: optionsOf(commonFlags), strict: false })
  const { lang, config } = values
  return { ...(typeof lang === 'string' && { lang }), ...(typeof config === 'string' && { config }) }
}

/** The values of flags, each checked against the table. The last one wins where a flag is repeated. */
export function valuesOf(args: readonly string[], flags: Flags, path: readonly string[], texts: UsageTexts): Values {
  const values: Record<string, string | true> = {}
  for (const token of tokensOf(args, flags)) {
    if (token.kind !== 'option') continue
    const { name, rawName, value } = token
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined
    if (flag === undefined || (!rawName.startsWith('--') && flag.short !== rawName.slice(1))) {
      // `-json` is read letter by letter, but the user means all of it.
      throw unknownFlag(path, rawName.startsWith('--') ? rawName : (args[token.index] ?? rawName), flags, texts)
    }
    if (flag.type === 'boolean') {
      if (value !== undefined) throw new UsageError(path, texts.takesNoValue(rawName))
      values[name] = true
      continue
    }
    if (value === undefined) throw new UsageError(path, texts.needsValue(rawName))
    if (value === '') throw new UsageError(path, texts.emptyValue(rawName))
    if (flag.choices?.includes(value) === false) throw notOneOf(path, rawName, flag.choices, value, texts)
    values[name] = value
  }
  return values
}

function unknownFlag(path: readonly string[], flag: string, flags: Flags, texts: UsageTexts): UsageError {
  const name = flag.replace(/^-+/, '')
  const isOfCommand =
    path.length === 0 && everyPlace().some(({ command }) => !isFamily(command) && Object.hasOwn(command.flags, name))
  const nearest = nearestOf(name, Object.keys(flags))
  const suggested = nearest === undefined ? '' : texts.didYouMean(`--${nearest}`)
  return new UsageError(path, `${texts.unknownFlag(flag)}${isOfCommand ? texts.commandOrder : suggested}`)
}

/** Whether `--help` stands anywhere among them. */
export function asksForHelp(args: readonly string[], flags: Flags = commonFlags): boolean {
  return tokensOf(args, flags).some(
    token => token.kind === 'option' && token.name === 'help' && token.value === undefined,
  )
}

/** The first argument that is not a flag, what stands before it, and everything but it. */
export function firstWord(
  args: readonly string[],
  flags: Flags,
): { word: string; before: readonly string[]; rest: readonly string[] } | undefined {
  const token = tokensOf(args, flags).find(({ kind }) => kind === 'positional')
  if (token?.kind !== 'positional') return undefined
  const before = args.slice(0, token.index)
  return { word: token.value, before, rest: [...before, ...args.slice(token.index + 1)] }
}

/** The arguments that are neither flags nor their values. */
export function wordsIn(args: readonly string[], flags: Flags): readonly string[] {
  return tokensOf(args, flags).flatMap(token => (token.kind === 'positional' ? [token.value] : []))
}

/** Not strict: a value may begin with a dash, and the complaints are ours. */
function tokensOf(args: readonly string[], flags: Flags) {
  return parseArgs({ args: [...args], options: optionsOf(flags), strict: false, allowPositionals: true, tokens: true })
    .tokens
}

function optionsOf(flags: Flags) {
  return Object.fromEntries(
    Object.entries(flags).map(([name, { type, short }]) => [name, short === undefined ? { type } : { type, short }]),
  )
}
