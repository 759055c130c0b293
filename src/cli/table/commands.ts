import { type CallOf, type CliCommand, type CommandFamily, type Commands, type Bilingual, isFamily } from './command.ts'
import { configCommands } from './config-commands.ts'
import { daemonCommands } from './daemon-commands.ts'
import { messageCommands } from './message-commands.ts'
import { programCommands } from './program-commands.ts'
import { startCommands } from './start-commands.ts'

/**
 * Every command there is. Parsing, help, completion and docs/cli.md all read this table, so a new command is one entry in
 * one of these groups and one line in `programs.ts`.
 */
const table = { ...startCommands, ...daemonCommands, ...messageCommands, ...configCommands, ...programCommands }

export type CommandName = keyof typeof table

/** The same by name, for names that came from outside. */
export const commands: Commands = table

/** The commands as people read them: what belongs together under one title. */
export const groups: readonly { readonly title: Bilingual; readonly commands: Commands }[] = [
  { title: { en: 'Get started', 'zh-CN': '开始使用' }, commands: startCommands },
  { title: { en: 'Daemon', 'zh-CN': '守护进程' }, commands: daemonCommands },
  { title: { en: 'Messages', 'zh-CN': '消息' }, commands: messageCommands },
  { title: { en: 'Config', 'zh-CN': '配置' }, commands: configCommands },
  { title: { en: 'Program', 'zh-CN': '程序' }, commands: programCommands },
]

type Table = typeof table
type Subcommands<Name extends CommandName> = Table[Name] extends { subcommands: infer Subs } ? Subs : never

/** The arguments of a command, or with `Sub` of one of its sub-commands. */
export type Call<Name extends CommandName, Sub extends keyof Subcommands<Name> = never> = [Sub] extends [never]
  ? Table[Name] extends CliCommand
    ? CallOf<Table[Name]>
    : never
  : Subcommands<Name>[Sub] extends CliCommand
    ? CallOf<Subcommands<Name>[Sub]>
    : never

/** What runs a command: one function, or one for each sub-command. */
export type Program<Name extends CommandName, Context> = Table[Name] extends { subcommands: infer Subs }
  ? { readonly [Sub in keyof Subs]: Subs[Sub] extends CliCommand ? Handler<CallOf<Subs[Sub]>, Context> : never }
  : Table[Name] extends CliCommand
    ? Handler<CallOf<Table[Name]>, Context>
    : never

type Handler<Arguments, Context> = (call: Arguments, context: Context) => Promise<number>

/** A command with the words that call it; `[]` is wecomd itself. */
export interface Place {
  readonly path: readonly string[]
  readonly command: CliCommand | CommandFamily
}

/** Every command and sub-command, in the order of the help. */
export function everyPlace(): readonly Place[] {
  return groups.flatMap(group =>
    Object.entries(group.commands).flatMap(([name, command]) => [
      { path: [name], command },
      ...Object.entries(isFamily(command) ? command.subcommands : {}).map(([sub, one]) => ({
        path: [name, sub],
        command: one,
      })),
    ]),
  )
}
