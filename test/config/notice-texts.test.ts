import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { placeholdersIn, noticeTexts } from '../../src/core/notices/texts.ts'
import { bot, config, errors, read, warnings, wecom } from './texts.ts'

const sales = { bot: { token: 'sales-token', encodingAESKey: bot.encodingAESKey } }

test('texts: sentences for all and for one account are read, with variables, and nothing is said against them', () => {
  const value = wecom(
    { bot, accounts: { sales: { ...sales, name: '销售', texts: { busy: 'Ask ${DESK}' } } } },
    { texts: { failed: 'Oh: {{no}}', file_problem: '{name}' } },
  )
  const loaded = config(value, { env: { DESK: 'IT' } })
  expect(loaded.texts).toEqual({ failed: 'Oh: {{no}}', file_problem: '{name}' })
  expect(loaded.accounts.map(({ texts }) => texts)).toEqual([{}, { busy: 'Ask IT' }])
  expect(warnings(value, { env: { DESK: 'IT' } })).toEqual([])
})

test('texts: our own wording of each sentence is a text that it takes', () => {
  for (const language of ['zh-CN', 'en'] as const) {
    const texts = Object.fromEntries(Object.entries(noticeTexts).map(([name, wording]) => [name, wording[language]]))
    expect(read(wecom({ bot }, { texts })).complaints).toEqual([])
  }
})

test('texts: an unknown name is an error that names the nearest one', () => {
  const value = wecom({ bot, accounts: { sales: { ...sales, texts: { bussy: 'x' } } } }, { texts: { farewell: 'x' } })
  const [one, other, ...more] = errors(value)
  expect(one).toBe('channels.wecom.accounts.sales.texts.bussy: unknown key; did you mean "busy"?')
  expect(other).toMatch(/^texts\.farewell: unknown key; the nearest is "\w+"$/)
  expect(more).toEqual([])
})

test('texts: an unknown placeholder is an error that names the known ones', () => {
  const value = wecom({ bot }, { texts: { elapsed: '{phase} since {start}', busy: 'No, {name}', stopped: 'a { b' } })
  expect(errors(value)).toEqual([
    'texts.elapsed: expected at most 500 characters, placeholders {elapsed}, {phase}, got "{phase} since {start}"',
    'texts.stopped: expected at most 500 characters, no placeholders, got "a { b"',
    'texts.busy: expected at most 500 characters, no placeholders, got "No, {name}"',
  ])
})

test('texts: nothing, only white space, too much and what is no text are refused', () => {
  for (const text of ['', ' \n', 'x'.repeat(501), 7, null, ['x']]) {
    expect(errors(wecom({ bot }, { texts: { busy: text } }))[0]).toStartWith(
      'texts.busy: expected at most 500 characters',
    )
  }
  expect(config(wecom({ bot }, { texts: { busy: 'x'.repeat(500) } })).texts['busy']).toHaveLength(500)
})

test('texts: a text that would take a careless pattern hours is judged at once', () => {
  const text = `${'{{}}{elapsed}'.repeat(20_000)}{`
  expect(errors(wecom({ bot }, { texts: { elapsed: text } }))).toHaveLength(1)
})

test('texts: each sentence has a row in docs/config.md, with both wordings and its placeholders', async () => {
  const docs = await Bun.file(join(import.meta.dir, '../../docs/config.md')).text()
  const missing = Object.entries(noticeTexts).filter(([name, wording]) => {
    const row = docs.split('\n').find(line => line.startsWith(`| \`${name}\` | at most 500 characters`)) ?? ''
    const parts = [wording['zh-CN'], wording.en].map(text => `\`${text.replaceAll('\n', '\\n')}\``)
    return ![...parts, ...placeholdersIn(wording.en).map(one => `{${one}}`)].every(part => row.includes(part))
  })
  expect(missing.map(([name]) => name)).toEqual([])
})
