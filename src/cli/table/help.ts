import type { Language } from '../../core/notices/texts.ts'
import type { Paint } from '../paint.ts'
import { helpTexts } from '../texts/help.ts'
import { type CliCommand, type CommandFamily, type Flags, commonFlags, isFamily } from './command.ts'
import { groups, type Place } from './commands.ts'
import { columns, wrap } from './wrap.ts'

const width = 80

/** What help is written with. */
export interface HelpStyle {
  readonly language: Language
  readonly paint: Paint
}

/** The commands under their titles; what comes before and after is the caller's. */
export function listCommands({ language, paint }: HelpStyle): readonly string[] {
  const widest = Math.max(...groups.flatMap(({ commands }) => Object.keys(commands).map(name => name.length)))
  return groups.flatMap(({ title, commands }) => [
    paint.bold(title[language]),
    ...columns(summariesOf(commands, language), width, widest),
    '',
  ])
}

/** `wecomd --help`. */
export function helpForAll(style: HelpStyle): readonly string[] {
  const texts = helpTexts[style.language]
  return [
    texts.title,
    '',
    ...usageOf('wecomd', texts.command, texts.usage),
    '',
    ...listCommands(style),
    ...block(texts.commonOptions, commonRows(style.language, ['config', 'json', 'lang', 'utc', 'help']), style),
    ...wrap(texts.moreHelp, width),
    `${texts.docs}docs/cli.md`,
  ]
}

/** `wecomd COMMAND --help`. */
export function helpForCommand({ path, command }: Place, style: HelpStyle): readonly string[] {
  const { language, paint } = style
  const texts = helpTexts[language]
  const call = ['wecomd', ...path].join(' ')
  const head = [...wrap(capitalised(command.summary[language], language), width)]
  const tail = [
    paint.bold(texts.example),
    ...`${call} ${command.example}`.split('\n').map(line => `  ${line}`),
    '',
    `${texts.docs}${command.docs}`,
  ]
  if (isFamily(command)) {
    const rows = summariesOf(command.subcommands, language)
    return [
      ...head,
      '',
      ...usageOf(call, synopsisOf(command, language), texts.usage),
      '',
      ...block(texts.commands, rows, style),
      ...tail,
    ]
  }
  const details = command.details === undefined ? [] : ['', ...wrap(command.details[language], width)]
  const positionals = Object.entries(command.positionals).map(
    ([name, { about }]) => [name.toUpperCase(), about[language]] as const,
  )
  return [
    ...head,
    ...details,
    '',
    ...usageOf(call, synopsisOf(command, language), texts.usage),
    '',
    ...block(texts.arguments, positionals, style),
    ...block(texts.options, rowsOf(command.flags, language), style),
    ...block(texts.commonOptions, commonRows(language, commonNamesOf(command)), style),
    ...tail,
  ]
}

/** The arguments of a command as its usage line shows them. */
export function synopsisOf(command: CliCommand | CommandFamily, language: Language): string {
  if (isFamily(command)) {
    const subs = Object.entries(command.subcommands).map(([name, sub]) => [name, ...positionalsOf(sub)].join(' '))
    return command.fallback === undefined ? subs.join(' | ') : `[${subs.join(' | ')}]`
  }
  const required = Object.entries(command.flags)
    .filter(([, flag]) => flag.required)
    .map(([name, { value }]) => `--${name} ${value}`)
  const own = command.synopsis === undefined ? [...positionalsOf(command), ...required] : [command.synopsis]
  return [...own, helpTexts[language].optional].join(' ')
}

function positionalsOf({ positionals }: CliCommand): readonly string[] {
  return Object.entries(positionals).map(([name, { optional }]) =>
    optional ? `[${name.toUpperCase()}]` : name.toUpperCase(),
  )
}

/** The common flags that make a difference to a command. */
export function commonNamesOf(command: CliCommand): readonly (keyof typeof commonFlags)[] {
  return ['config', 'json', 'lang', ...(command.printsTimes ? (['utc'] as const) : []), 'help']
}

/** `--to TARGET` */
export function formatFlag(name: string, { short, value }: Flags[string]): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`
}

function usageOf(call: string, synopsis: string, label: string): readonly string[] {
  const lead = `${label}${call} `
  const indent = ' '.repeat(Bun.stringWidth(lead))
  const [first = '', ...more] = wrap(synopsis, width - indent.length)
  return [`${lead}${first}`.trimEnd(), ...more.map(line => indent + line)]
}

function block(title: string, rows: readonly (readonly [string, string])[], { paint }: HelpStyle): readonly string[] {
  return rows.length === 0 ? [] : [paint.bold(title), ...columns(rows, width), '']
}

function summariesOf(
  commands: Readonly<Record<string, CliCommand | CommandFamily>>,
  language: Language,
): readonly (readonly [string, string])[] {
  return Object.entries(commands).map(([name, { summary }]) => [name, summary[language]] as const)
}

function rowsOf(flags: Flags, language: Language): readonly (readonly [string, string])[] {
  return Object.entries(flags).map(([name, flag]) => [formatFlag(name, flag), flag.about[language]] as const)
}

function commonRows(language: Language, names: readonly (keyof typeof commonFlags)[]) {
  return rowsOf(Object.fromEntries(names.map(name => [name, commonFlags[name]])), language)
}

function capitalised(text: string, language: Language): string {
  return language === 'en' ? `${text[0]?.toUpperCase()}${text.slice(1)}.` : `${text}。`
}
