import type { Language } from '../../core/notices/texts.ts'

/** A text in every language that wecomd speaks; each is written for its reader, none is a translation. */
export type Bilingual = Readonly<Record<Language, string>>

/** A flag as the parser, the help, the completion and docs/cli.md read it. */
export interface Flag {
  readonly type: 'string' | 'boolean'
  readonly about: Bilingual
  /** What stands for the value in the help, such as `FILE`. A value called FILE is completed as a path. */
  readonly value?: string
  readonly short?: string
  /** The only values there are. */
  readonly choices?: readonly string[]
  readonly required?: true
}

export type Flags = Readonly<Record<string, Flag>>

/** An argument without a flag. */
export interface Positional {
  readonly about: Bilingual
  /** It may be left out. */
  readonly optional?: true
  readonly choices?: readonly string[]
}

/** One command, or one sub-command. */
export interface CliCommand {
  /** One line, in the list of commands and on top of the help. */
  readonly summary: Bilingual
  /** A paragraph for the help, where the summary does not say all. */
  readonly details?: Bilingual
  readonly flags: Flags
  readonly positionals: Readonly<Record<string, Positional>>
  /** The arguments as the usage line shows them, where some exclude each other. */
  readonly synopsis?: string
  /** The arguments of one call that is worth copying. */
  readonly example: string
  /** The page that says more. */
  readonly docs: `docs/${string}.md`
  /** It prints times, so the help names `--utc`. */
  readonly printsTimes?: true
  /** It runs until it is stopped, and then ends without waiting for the reader of its output. */
  readonly isLasting?: true
}

/** A command of which there are several kinds, such as `dead list` and `dead retry`. */
export interface CommandFamily {
  readonly summary: Bilingual
  readonly example: string
  readonly docs: `docs/${string}.md`
  readonly subcommands: Readonly<Record<string, CliCommand>>
  /** The sub-command that the bare command means. */
  readonly fallback?: string
}

/** Commands under one title in the list of all. */
export type Commands = Readonly<Record<string, CliCommand | CommandFamily>>

type ValueOf<One extends Flag> = One extends { choices: readonly (infer Choice)[] }
  ? Choice
  : One['type'] extends 'boolean'
    ? true
    : string

/** What the parser makes of flags. */
export type FlagValues<All extends Flags> = {
  readonly [Name in keyof All]: ValueOf<All[Name]> | (All[Name] extends { required: true } ? never : undefined)
}

type PositionalsOf<All extends Readonly<Record<string, Positional>>> = {
  readonly [Name in keyof All]:
    | (All[Name] extends { choices: readonly (infer Choice)[] } ? Choice : string)
    | (All[Name] extends { optional: true } ? undefined : never)
}

/** The arguments of one call, checked against the table. */
export interface CallOf<One extends CliCommand> {
  readonly values: FlagValues<One['flags'] & typeof commonFlags>
  readonly positionals: PositionalsOf<One['positionals']>
}

/** Flags that every command accepts. */
export const commonFlags = {
  config: {
    type: 'string',
    value: 'FILE',
    about: {
      en: 'config file (default: $WECOMD_CONFIG, ./wecomd.json5, /etc/wecomd/wecomd.json5)',
      'zh-CN': '配置文件（默认依次为 $WECOMD_CONFIG、./wecomd.json5、/etc/wecomd/wecomd.json5）',
    },
  },
  json: { type: 'boolean', about: { en: 'print JSON', 'zh-CN': '以 JSON 格式输出' } },
  lang: {
    type: 'string',
    value: 'zh-CN|en',
    choices: ['zh-CN', 'en'],
    about: {
      en: 'language of the output (default: from the locale, else from the config)',
      'zh-CN': '输出语言（默认取系统区域设置，其次取配置文件）',
    },
  },
  utc: {
    type: 'boolean',
    about: { en: 'print times in UTC instead of local time', 'zh-CN': '时间以 UTC 显示，而不是本地时间' },
  },
  help: { type: 'boolean', short: 'h', about: { en: 'show this help', 'zh-CN': '显示这份帮助' } },
} as const satisfies Flags

/** True for a command that only has sub-commands. */
export function isFamily(command: CliCommand | CommandFamily): command is CommandFamily {
  return 'subcommands' in command
}
