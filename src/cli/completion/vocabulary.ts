import type { Language } from '../../core/notices/texts.ts'
import { type CliCommand, type Flags, commonFlags, isFamily } from '../table/command.ts'
import { commands, everyPlace } from '../table/commands.ts'

/** What may be typed after the words in `at`. */
export interface Choice {
  readonly at: string
  readonly words: readonly (readonly [word: string, about: string])[]
}

/** A flag with a value: `at` is the command before it, or `*` for any. */
export interface ValueFlag {
  readonly at: string
  readonly flag: string
  readonly isFile: boolean
  readonly choices: readonly string[]
}

/** All that a shell can offer, from the table of commands. */
export interface Vocabulary {
  readonly choices: readonly Choice[]
  readonly valueFlags: readonly ValueFlag[]
}

export function vocabularyOf(language: Language): Vocabulary {
  const summaries = (all: typeof commands) =>
    Object.entries(all).map(([name, { summary }]) => [name, summary[language]] as const)
  const common = flagWords(commonFlags, language)
  const help = ['help', commonFlags.help.about[language]] as const
  const places = everyPlace().map(({ path, command }) => ({ at: path.join(' '), command }))
  const families = places.flatMap(({ at, command }) => (isFamily(command) ? [{ at, subs: command.subcommands }] : []))
  return {
    choices: [
      { at: '', words: [...summaries(commands), help, ...common] },
      { at: 'help', words: summaries(commands) },
      ...families.map(({ at, subs }) => ({ at: `help ${at}`, words: summaries(subs) })),
      ...families.map(({ at, subs }) => ({ at, words: [...summaries(subs), ...common] })),
      ...places.flatMap(({ at, command }) => (isFamily(command) ? [] : [{ at, words: wordsOf(command, language) }])),
    ],
    valueFlags: [
      ...valueFlagsOf('*', commonFlags),
      ...families.flatMap(({ at, subs }) =>
        valueFlagsOf(at, Object.assign({}, ...Object.values(subs).map(s => s.flags))),
      ),
      ...places.flatMap(({ at, command }) => (isFamily(command) ? [] : valueFlagsOf(at, command.flags))),
    ],
  }
}

function wordsOf({ flags, positionals }: CliCommand, language: Language): Choice['words'] {
  const values = Object.values(positionals).flatMap(({ choices, about }) =>
    (choices ?? []).map(choice => [choice, about[language]] as const),
  )
  return [...values, ...flagWords({ ...flags, ...commonFlags }, language)]
}

function flagWords(flags: Flags, language: Language): Choice['words'] {
  return Object.entries(flags).map(([name, { about }]) => [`--${name}`, about[language]] as const)
}

function valueFlagsOf(at: string, flags: Flags): readonly ValueFlag[] {
  return Object.entries(flags)
    .filter(([, { type }]) => type === 'string')
    .map(([name, { value, choices = [] }]) => ({ at, flag: `--${name}`, isFile: value === 'FILE', choices }))
}

/** Patterns of a `case` over "the command so far, a space, the flag": of all flags with a value, and of those completed. */
export function casePatterns({ valueFlags }: Vocabulary) {
  const listed = (flags: readonly ValueFlag[]) => flags.map(casePattern).join('|')
  return {
    all: listed(valueFlags),
    files: listed(valueFlags.filter(({ isFile }) => isFile)),
    chosen: valueFlags
      .filter(({ choices }) => choices.length > 0)
      .map(flag => ({ pattern: casePattern(flag), values: flag.choices.join(' ') })),
  }
}

/** `*` is any command. */
function casePattern({ at, flag }: ValueFlag): string {
  return at === '*' ? `*' ${flag}'` : `'${at} ${flag}'`
}
