import { nearestOf } from '../../config/issues.ts'
import type { UsageTexts } from '../texts/usage.ts'
import { asksForHelp, firstWord, type Values, valuesOf, wordsIn } from './arguments.ts'
import { type CliCommand, commonFlags, isFamily } from './command.ts'
import { commands, type Place } from './commands.ts'
import { notOneOf, UsageError } from './usage-error.ts'

/** What the arguments ask for. */
export type CliRequest =
  /** No command at all. */
  | { readonly kind: 'overview'; readonly values: Values }
  | { readonly kind: 'help'; readonly place: Place | undefined }
  | {
      readonly kind: 'run'
      readonly path: readonly string[]
      readonly command: CliCommand
      readonly values: Values
      readonly positionals: Readonly<Record<string, string>>
    }

/** Reads the arguments by the table. Throws `UsageError` in the language of `texts`. */
export function parseRequest(args: readonly string[], texts: UsageTexts): CliRequest {
  const broken = args.find(argument => argument.includes('\uFFFD'))
  if (broken !== undefined) throw new UsageError([], texts.notUtf8(broken))
  const first = firstWord(args, commonFlags)
  if (first === undefined) return withoutCommand(args, texts)
  if (first.before.length > 0) valuesOf(first.before, commonFlags, [], texts)
  if (first.word === 'help') return helpFor(first.rest, texts)
  const command = Object.hasOwn(commands, first.word) ? commands[first.word] : undefined
  if (command === undefined) throw unknownCommand([], first.word, [...Object.keys(commands), 'help'], texts)
  const path = [first.word]
  if (!isFamily(command)) return requestOf({ path, command }, first.rest, texts)

  const flagsOfAll = Object.assign({}, commonFlags, ...Object.values(command.subcommands).map(({ flags }) => flags))
  const second = firstWord(first.rest, flagsOfAll)
  const word = second?.word ?? command.fallback
  if (second === undefined && asksForHelp(first.rest)) return { kind: 'help', place: { path, command } }
  const names = Object.keys(command.subcommands)
  if (word === undefined) throw new UsageError(path, texts.missingSubcommand(names.join(', ')))
  const chosen = Object.hasOwn(command.subcommands, word) ? command.subcommands[word] : undefined
  if (chosen === undefined) throw unknownCommand(path, word, names, texts)
  return requestOf({ path: [...path, word], command: chosen }, second?.rest ?? first.rest, texts)
}

function withoutCommand(args: readonly string[], texts: UsageTexts): CliRequest {
  const others = args.filter(argument => !['-v', '-V', '--version'].includes(argument))
  if (others.length < args.length) return parseRequest(['version', ...others], texts)
  const values = valuesOf(args, commonFlags, [], texts)
  return values['help'] ? { kind: 'help', place: undefined } : { kind: 'overview', values }
}

/** `wecomd help dead list` is `wecomd dead list --help`. */
function helpFor(args: readonly string[], texts: UsageTexts): CliRequest {
  const first = firstWord(args, commonFlags)
  if (first === undefined) return { kind: 'help', place: undefined }
  return parseRequest(['--help', ...args], texts)
}

function requestOf(
  place: { path: readonly string[]; command: CliCommand },
  args: readonly string[],
  texts: UsageTexts,
): CliRequest {
  const { path, command } = place
  const flags = { ...command.flags, ...commonFlags }
  if (asksForHelp(args, flags)) return { kind: 'help', place }
  const values = valuesOf(args, flags, path, texts)
  const positionals = positionalsOf(place, wordsIn(args, flags), texts)
  const missing = Object.entries(command.flags).find(([name, { required }]) => required && values[name] === undefined)
  if (missing !== undefined) throw new UsageError(path, texts.missingFlag(`--${missing[0]}`))
  return { kind: 'run', path, command, values, positionals }
}

function positionalsOf(
  { path, command }: { path: readonly string[]; command: CliCommand },
  given: readonly string[],
  texts: UsageTexts,
): Readonly<Record<string, string>> {
  const wanted = Object.entries(command.positionals)
  const surplus = given[wanted.length]
  if (surplus !== undefined) throw new UsageError(path, texts.surplus(surplus))
  return Object.fromEntries(
    wanted.flatMap(([name, { choices, optional }], index) => {
      const value = given[index]
      if (value === undefined && optional) return []
      if (!value) throw new UsageError(path, texts.missingArgument(name.toUpperCase()))
      if (choices?.includes(value) === false) throw notOneOf(path, name.toUpperCase(), choices, value, texts)
      return [[name, value]]
    }),
  )
}

function unknownCommand(
  path: readonly string[],
  word: string,
  names: readonly string[],
  texts: UsageTexts,
): UsageError {
  const nearest = nearestOf(word, names)
  const suggested = nearest === undefined ? '' : texts.didYouMean(texts.quoted([...path, nearest].join(' ')))
  return new UsageError(path, `${texts.unknownCommand([...path, word].join(' '))}${suggested}`)
}
