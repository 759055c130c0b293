import { type CliCommand, type Flags, commonFlags, isFamily } from '../src/cli/table/command.ts'
import { everyPlace, groups, type Place } from '../src/cli/table/commands.ts'
import { commonNamesOf, formatFlag, synopsisOf } from '../src/cli/table/help.ts'

/** `docs/cli.md`. */
export function markdownOfCommands(): string {
  return `${[...introduction(), ...everyPlace().flatMap(sectionOf)].join('\n').trimEnd()}\n`
}

function introduction(): readonly string[] {
  return [
    '# Command line',
    '',
    '<!-- Generated from src/cli/table/ by `bun run docs`; changes made here are lost. -->',
    '',
    ...groups.flatMap(({ title, commands }) => [
      `**${title.en}**`,
      '',
      ...Object.entries(commands).map(
        ([name, { summary }]) => `- [\`wecomd ${name}\`](#wecomd-${name}): ${summary.en}`,
      ),
      '',
    ]),
    '`wecomd` without a command shows this list and the next sensible step. `wecomd help COMMAND` and',
    '`wecomd COMMAND --help` show the options of a command and an example. Options come before or after arguments.',
    'A value that starts with a dash is fine: `--text "-5"`. `--` ends the options.',
    '',
    '## Common options',
    '',
    'Every command accepts these. Its help lists the ones that make a difference to it.',
    '',
    ...flagTable(commonFlags),
    '',
    'The language is `--lang`, else Chinese where `LC_ALL`, `LC_MESSAGES` or `LANG` (the first that is set) names `zh`,',
    'else `language` where the config sets it, else English. Colours are used on a terminal unless `NO_COLOR` is set.',
    'Times for people are local times with their offset. JSON is the same in every language, except for texts written',
    'for people; its times are milliseconds since 1970.',
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '|---|---|',
    '| 0 | success |',
    '| 1 | the command failed: not ready, not found, refused, or not delivered in time |',
    '| 2 | wrong arguments, or an unusable file, standard input or token |',
    '| 3 | the config is missing or not valid |',
    '| 4 | the daemon is not reachable, something else answers, or it refuses the token |',
    '| 5 | cannot start: port taken, database in use or too new, state folder not writable |',
    '',
  ]
}

function sectionOf({ path, command }: Place): readonly string[] {
  const call = ['wecomd', ...path].join(' ')
  const head = [
    `${'#'.repeat(path.length + 1)} \`${call}\``,
    '',
    sentence(command.summary.en),
    ...(!isFamily(command) && command.details !== undefined ? [command.details.en] : []),
    '',
  ]
  const usage = ['```', `${call} ${synopsisOf(command, 'en')}`, '```', '']
  const more =
    command.docs === 'docs/cli.md' ? [] : ['', `More: [${command.docs}](${command.docs.slice('docs/'.length)})`]
  if (isFamily(command)) {
    const subs = Object.entries(command.subcommands).map(
      ([name, { summary }]) => `- [\`${call} ${name}\`](#wecomd-${[...path, name].join('-')}): ${summary.en}`,
    )
    return [...head, ...usage, ...subs, '']
  }
  return [...head, ...usage, ...argumentsOf(command), `Example: \`${call} ${command.example}\``, ...more, '']
}

function argumentsOf(command: CliCommand): readonly string[] {
  const names = commonNamesOf(command).filter(name => name !== 'help')
  const common = `Common options: ${names.map(name => `\`--${name}\``).join(', ')}.`
  const rows = Object.entries(command.positionals).map(([name, { about }]) => row(name.toUpperCase(), about.en))
  const flags = Object.entries(command.flags).map(([name, flag]) => row(formatFlag(name, flag), flag.about.en))
  const table = rows.length + flags.length === 0 ? [] : [...tableHead, ...rows, ...flags, '']
  return [...table, common, '']
}

const tableHead = ['| option | meaning |', '|---|---|']

function flagTable(flags: Flags): readonly string[] {
  return [...tableHead, ...Object.entries(flags).map(([name, flag]) => row(formatFlag(name, flag), flag.about.en))]
}

function row(name: string, about: string): string {
  return `| \`${name.replaceAll('|', '\\|')}\` | ${about.replaceAll('|', '\\|')} |`
}

function sentence(text: string): string {
  return `${text[0]?.toUpperCase()}${text.slice(1)}.`
}
