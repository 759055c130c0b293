import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commands } from '../../src/cli/table/commands.ts'
import { dispatchHere } from './in-process.ts'
import { zshTest } from './zsh.ts'

const folder = mkdtempSync(join(tmpdir(), 'wecomd-completion-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
mkdirSync(join(folder, 'cards'))
writeFileSync(join(folder, 'card one.json'), '{}')

async function scriptFor(shell: string): Promise<string> {
  const { code, out } = await dispatchHere(['completion', shell])
  expect(code).toBe(0)
  return out.join('\n')
}

/** What bash offers when Tab is pressed at the end of `line`, which is split as bash splits it. */
async function bashOffers(...words: readonly string[]): Promise<readonly string[]> {
  const call =
    'source wecomd.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _wecomd; ((${#COMPREPLY[@]})) && printf "%s\\n" "${COMPREPLY[@]}"; :'
  writeFileSync(join(folder, 'wecomd.bash'), await scriptFor('bash'))
  const child = Bun.spawn(['bash', '--norc', '-c', call, 'bash', 'wecomd', ...words], {
    cwd: folder,
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()])
  expect(err).toBe('')
  return out.split('\n').filter(line => line !== '')
}

describe('bash', () => {
  test('completion: bash offers every command and help', async () => {
    expect(await bashOffers('')).toEqual(expect.arrayContaining([...Object.keys(commands), 'help', '--lang']))
    expect(await bashOffers('st')).toEqual(['status'])
  })

  const offers: readonly [words: string[], offered: string[]][] = [
    [
      ['dead', ''],
      ['list', 'retry', 'drop', '--config', '--json', '--lang', '--utc', '--help'],
    ],
    [['dead', 're'], ['retry']],
    [['help', 'dea'], ['dead']],
    [['help', 'dead', 'd'], ['drop']],
    [
      ['completion', ''],
      ['bash', 'zsh', '--config', '--json', '--lang', '--utc', '--help'],
    ],
    [['status', '--to'], ['--token-file']],
    [['send', '--te'], ['--text']],
    [
      ['send', '--lang', ''],
      ['zh-CN', 'en'],
    ],
    [['send', '--lang', '=', 'z'], ['zh-CN']],
    [
      ['send', '--lang', '='],
      ['zh-CN', 'en'],
    ],
    [['explain', '--mode', 'a'], ['agent']],
    [
      ['send', '--card', 'ca'],
      ['cards', 'card one.json'],
    ],
    [['send', '--to', 'us'], []],
    [['--lang', '=', 'en', 'sta'], ['status']],
    // The value of a flag is not taken for a command.
    [['--config', 'dead', 'sta'], ['status']],
    [['send', '--text', 'status', '--mark'], ['--markdown']],
  ]
  for (const [words, offered] of offers) {
    test(`completion: bash after "${words.join(' ')}" offers ${offered.join(' ') || 'nothing'}`, async () => {
      expect((await bashOffers(...words)).toSorted()).toEqual(offered.toSorted())
    })
  }
})

describe('zsh', () => {
  /** What zsh offers, by stand-ins for the functions of its completion system that print what they are given. */
  async function zshOffers(...words: readonly string[]): Promise<readonly string[]> {
    writeFileSync(join(folder, 'wecomd.zsh'), await scriptFor('zsh'))
    const call = [
      'compdef() { }',
      '_describe() { print -rl -- "${(@P)4}" }',
      '_files() { print FILES }',
      'compadd() { shift; print -rl -- "$@" }',
      'compset() { }',
      'source ./wecomd.zsh',
      'words=("$@"); CURRENT=$#',
      '_wecomd',
    ].join('\n')
    const child = Bun.spawn(['zsh', '-f', '-c', call, 'zsh', 'wecomd', ...words], {
      cwd: folder,
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()])
    expect(err).toBe('')
    return out.split('\n').filter(line => line !== '')
  }

  zshTest('completion: zsh offers commands, flags, choices and files', async () => {
    expect(await zshOffers('')).toContain('status:show how the running daemon is doing')
    expect(await zshOffers('dead', '')).toContain('retry:deliver a dead letter again')
    expect(await zshOffers('send', '')).toContain('--wait:wait for the outcome')
    expect(await zshOffers('send', '--lang', '')).toEqual(['zh-CN', 'en'])
    expect(await zshOffers('send', '--lang=')).toEqual(['zh-CN', 'en'])
    expect(await zshOffers('send', '--card', '')).toEqual(['FILES'])
    expect(await zshOffers('send', '--text', '')).toEqual([])
    expect(await zshOffers('--config', 'dead', '')).toContain('run:run the daemon')
  })
})

test('completion: descriptions are in the language asked for, and --json has the script as a string', async () => {
  const { out } = await dispatchHere(['completion', 'zsh', '--lang', 'zh-CN', '--json'])
  expect(JSON.parse(out.join(''))).toEqual({ shell: 'zsh', script: expect.stringContaining('run:运行守护进程') })
})
