import { describe, expect, test } from 'bun:test'
import { parseRequest } from '../../src/cli/table/parse.ts'
import { UsageError } from '../../src/cli/table/usage-error.ts'
import { usageTexts } from '../../src/cli/texts/usage.ts'

function parse(...args: readonly string[]) {
  const request = parseRequest(args, usageTexts.en)
  if (request.kind === 'run')
    return { path: request.path.join(' '), values: request.values, positionals: request.positionals }
  return request.kind === 'help' ? { help: request.place?.path.join(' ') ?? '' } : { overview: request.values }
}

function complaintOf(...args: readonly string[]): string {
  try {
    parseRequest(args, usageTexts.en)
  } catch (error) {
    if (error instanceof UsageError) return `${error.message} (${['wecomd', ...error.path].join(' ')})`
    throw error
  }
  return 'none'
}

describe('what is accepted', () => {
  type Given = Readonly<Record<string, string | true>>
  const calls: readonly [args: string[], path: string, values: Given, positionals: Record<string, string>][] = [
    [['status'], 'status', {}, {}],
    [['status', '--json', '--config', 'a'], 'status', { json: true, config: 'a' }, {}],
    [['--json', '--config=a', 'status'], 'status', { json: true, config: 'a' }, {}],
    [['trace', 'x', '--utc'], 'trace', { utc: true }, { id: 'x' }],
    [['trace', '--', '-x'], 'trace', {}, { id: '-x' }],
    [['dead'], 'dead list', {}, {}],
    [['dead', '--url', 'u'], 'dead list', { url: 'u' }, {}],
    [['dead', '--url', 'u', 'retry', 'x'], 'dead retry', { url: 'u' }, { id: 'x' }],
    [['config', 'get', 'a.b'], 'config get', {}, { key: 'a.b' }],
    [['completion', 'zsh'], 'completion', {}, { shell: 'zsh' }],
    [['--version'], 'version', {}, {}],
    [['-v'], 'version', {}, {}],
    [['-V', '--json'], 'version', { json: true }, {}],
    [['status', '--config', 'a', '--config', 'b'], 'status', { config: 'b' }, {}],
  ]
  for (const [args, path, values, positionals] of calls) {
    test(`parse: "${args.join(' ')}" calls ${path}`, () => {
      expect(parse(...args)).toEqual({ path, values, positionals })
    })
  }

  test('parse: a value that starts with a dash belongs to the flag before it', () => {
    expect(parse('send', '--to', 'user:a', '--text', '-5 度')).toMatchObject({ values: { text: '-5 度' } })
    expect(parse('send', '--to', 'user:a', '--text', '--wait')).toMatchObject({ values: { text: '--wait' } })
    expect(parse('send', '--text', '--help', '--to', 'a')).toMatchObject({ path: 'send', values: { text: '--help' } })
  })

  test('parse: help is asked for by a flag or by a word, of all, of a command and of a sub-command', () => {
    for (const args of [['--help'], ['-h'], ['help'], ['help', 'help']]) expect(parse(...args)).toEqual({ help: '' })
    for (const args of [
      ['run', '-h'],
      ['help', 'run'],
      ['--help', 'run'],
      ['run', '--nope', '--help'],
    ]) {
      expect(parse(...args)).toEqual({ help: 'run' })
    }
    for (const args of [
      ['dead', '--help'],
      ['help', 'dead'],
    ])
      expect(parse(...args)).toEqual({ help: 'dead' })
    for (const args of [
      ['dead', 'drop', '--help'],
      ['help', 'dead', 'drop'],
    ]) {
      expect(parse(...args)).toEqual({ help: 'dead drop' })
    }
  })

  test('parse: without a command it is the overview, also with common flags', () => {
    expect(parse()).toEqual({ overview: {} })
    expect(parse('--json', '--lang', 'zh-CN')).toEqual({ overview: { json: true, lang: 'zh-CN' } })
  })
})

describe('what is refused', () => {
  const wrong: readonly [args: string[], complaint: string][] = [
    [['versoin'], 'unknown command "versoin"; did you mean "version"? (wecomd)'],
    [['zzzzzz'], 'unknown command "zzzzzz" (wecomd)'],
    [['__proto__'], 'unknown command "__proto__" (wecomd)'],
    [['help', 'stauts'], 'unknown command "stauts"; did you mean "status"? (wecomd)'],
    [['dead', 'lst'], 'unknown command "dead lst"; did you mean "dead list"? (wecomd dead)'],
    [['dead', 'toString'], 'unknown command "dead toString" (wecomd dead)'],
    [['config'], 'choose one of: example, schema, get (wecomd config)'],
    [['config', 'get'], 'KEY is missing (wecomd config get)'],
    [['trace', ''], 'ID is missing (wecomd trace)'],
    [['trace', 'a', 'b'], 'unexpected argument "b" (wecomd trace)'],
    [['status', 'extra'], 'unexpected argument "extra" (wecomd status)'],
    [['run', '--confg', 'x'], 'unknown option --confg; did you mean --config? (wecomd run)'],
    [['status', '-json'], 'unknown option -json; did you mean --json? (wecomd status)'],
    [['status', '-x'], 'unknown option -x (wecomd status)'],
    [['status', '--toString'], 'unknown option --toString (wecomd status)'],
    [['--to', 'a', 'send'], 'unknown option --to; options of a command follow the command (wecomd)'],
    [['run', '--config'], '--config needs a value (wecomd run)'],
    [['run', '--config='], '--config is empty (wecomd run)'],
    [['status', '--json=yes'], '--json does not accept a value (wecomd status)'],
    [['status', '--lang', 'fr'], '--lang must be zh-CN or en, not "fr" (wecomd status)'],
    [['explain', '--user', 'a', '--text', 'b', '--mode', 'x'], '--mode must be bot or agent, not "x" (wecomd explain)'],
    [['explain', '--user', 'a'], '--text is missing (wecomd explain)'],
    [['completion', 'fish'], 'SHELL must be bash or zsh, not "fish" (wecomd completion)'],
    [
      ['send', '--to', 'a', '--text', 'caf\uFFFD'],
      'the argument "caf\uFFFD" is not valid UTF-8; use a UTF-8 terminal and locale (wecomd)',
    ],
  ]
  for (const [args, complaint] of wrong) {
    test(`parse: "${args.join(' ')}" is refused: ${complaint}`, () => {
      expect(complaintOf(...args)).toBe(complaint)
    })
  }
})
