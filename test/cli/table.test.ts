import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPaint } from '../../src/cli/paint.ts'
import { programs } from '../../src/cli/programs.ts'
import { type Bilingual, commonFlags, type Flag, isFamily } from '../../src/cli/table/command.ts'
import { commands, everyPlace, groups } from '../../src/cli/table/commands.ts'
import { helpForAll, helpForCommand } from '../../src/cli/table/help.ts'
import { parseRequest } from '../../src/cli/table/parse.ts'
import { checkTexts } from '../../src/cli/texts/check.ts'
import { daemonTexts } from '../../src/cli/texts/daemon.ts'
import { deliveryTexts } from '../../src/cli/texts/delivery.ts'
import { demoTexts } from '../../src/cli/texts/demo.ts'
import { explainTexts } from '../../src/cli/texts/explain.ts'
import { helpTexts } from '../../src/cli/texts/help.ts'
import { overviewTexts } from '../../src/cli/texts/overview.ts'
import { sendTexts } from '../../src/cli/texts/send.ts'
import { statusTexts } from '../../src/cli/texts/status.ts'
import { traceTexts } from '../../src/cli/texts/trace.ts'
import { usageTexts } from '../../src/cli/texts/usage.ts'
import { root } from '../source.ts'
import { dispatchHere } from './in-process.ts'

const languages = ['en', 'zh-CN'] as const
const plain = createPaint(false, {})
/** Chinese characters and punctuation. */
const han = /[\p{Script=Han}\u3000-\u303f\uff00-\uffef]/u

/** Every text of the table with where it stands. */
function textsOfTable(): readonly (readonly [where: string, text: Bilingual])[] {
  const flags = (all: Readonly<Record<string, Flag>>, where: string) =>
    Object.entries(all).map(([name, { about }]) => [`${where} --${name}`, about] as const)
  return [
    ...groups.map(({ title }) => [`group ${title.en}`, title] as const),
    ...flags(commonFlags, 'common'),
    ...everyPlace().flatMap(({ path, command }) => {
      const where = path.join(' ')
      if (isFamily(command)) return [[where, command.summary] as const]
      return [
        [where, command.summary] as const,
        ...(command.details === undefined ? [] : [[`${where} details`, command.details] as const]),
        ...flags(command.flags, where),
        ...Object.entries(command.positionals).map(([name, { about }]) => [`${where} ${name}`, about] as const),
      ]
    }),
  ]
}

describe('texts', () => {
  test('table: every text is there in both languages, and none is a copy of the other', () => {
    const wrong = textsOfTable().filter(
      ([, { en, 'zh-CN': zh }]) => en.trim() === '' || han.test(en) || zh.trim() === '',
    )
    expect(wrong).toEqual([])
    expect(textsOfTable().filter(([, text]) => !han.test(text['zh-CN']))).toEqual([])
  })

  const modules = {
    checkTexts,
    daemonTexts,
    deliveryTexts,
    demoTexts,
    explainTexts,
    helpTexts,
    overviewTexts,
    sendTexts,
    statusTexts,
    traceTexts,
    usageTexts,
  }
  for (const [name, texts] of Object.entries(modules)) {
    test(`table: the texts in ${name} have the same names in both languages`, () => {
      expect(Object.keys(texts['zh-CN']).toSorted()).toEqual(Object.keys(texts.en).toSorted())
      const plainTexts = Object.entries(texts['zh-CN']).filter(([, text]) => typeof text === 'string')
      expect(plainTexts.filter(([, text]) => !han.test(String(text)))).toEqual([])
    })
  }

  test('table: no text file is missing from this list', async () => {
    const files = await Array.fromAsync(new Bun.Glob('*.ts').scan({ cwd: join(root, 'src/cli/texts') }))
    expect(files.map(file => `${file.replace('.ts', '')}Texts`).toSorted()).toEqual(Object.keys(modules).toSorted())
  })
})

describe('help', () => {
  for (const language of languages) {
    test(`table: in ${language} every help fits into 80 columns, with one example and a page that exists`, () => {
      const style = { language, paint: plain }
      const texts = helpTexts[language]
      for (const place of everyPlace()) {
        const lines = helpForCommand(place, style)
        expect([place.path, lines.filter(line => Bun.stringWidth(line) > 80)]).toEqual([place.path, []])
        const call = ['wecomd', ...place.path, place.command.example].join(' ')
        expect(lines.filter(line => line.startsWith(`  ${call}`))).toHaveLength(1)
        expect(lines.at(-1)).toBe(`${texts.docs}${place.command.docs}`)
        expect(existsSync(join(root, place.command.docs))).toBe(true)
      }
      expect(helpForAll(style).filter(line => Bun.stringWidth(line) > 80)).toEqual([])
    })
  }

  test('table: every example is a call that the parser accepts', () => {
    for (const { path, command } of everyPlace()) {
      const words = command.example.replace(/(?:^| )> \S+$/, '').match(/"[^"]*"|\S+/g) ?? []
      const args = [...path, ...words.map(word => word.replaceAll('"', ''))]
      expect([args, parseRequest(args, usageTexts.en).kind]).toEqual([args, 'run'])
    }
  })

  test('table: help has no colours but on a terminal without NO_COLOR', async () => {
    const escape = '\u001B['
    const print = async (isTty: boolean, env = {}) => (await dispatchHere(['--help'], { isTty, env })).out.join('\n')
    expect(await print(true)).toContain(escape)
    expect(await print(false)).not.toContain(escape)
    expect(await print(true, { NO_COLOR: '1' })).not.toContain(escape)
  })

  test('table: no cell of docs/cli.md is longer than 120 characters', () => {
    const rows = readFileSync(join(root, 'docs/cli.md'), 'utf8')
      .split('\n')
      .filter(line => line.startsWith('|'))
    const cells = rows.flatMap(row => row.split(/(?<!\\)\|/).map(cell => cell.trim()))
    expect(cells.filter(cell => cell.length > 120)).toEqual([])
  })
})

test('table: every command has a program, and every sub-command a function of it', async () => {
  for (const [name, command] of Object.entries(commands)) {
    const program: unknown = await programs[name as keyof typeof programs]()
    if (isFamily(command))
      expect(Object.keys(program as object).toSorted()).toEqual(Object.keys(command.subcommands).toSorted())
    else expect(program).toBeFunction()
  }
})
