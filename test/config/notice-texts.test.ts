import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { placeholdersIn, noticeTexts } from '../../src/core/notices/texts.ts'
import { bot, config, errors, read, warnings, wecom } from './texts.ts'

const sales = { bot: { token: 'sales-token', encodingAESKey: bot.encodingAESKey } }

test('texts: notices can be customized for all users and per account', () => {
  const value = wecom(
    { bot, accounts: { sales: { ...sales, name: '销售', texts: { busy: 'Ask ${DESK}' } } } },
    { texts: { failed: 'Oh: {{no}}', file_problem: '{name}' } },
  )
  const loaded = config(value, { env: { DESK: 'IT' } })
  expect(loaded.texts).toEqual({ failed: 'Oh: {{no}}', file_problem: '{name}' })
  expect(loaded.accounts.map(({ texts }) => texts)).toEqual([{}, { busy: 'Ask IT' }])
  expect(warnings(value, { env: { DESK: 'IT' } })).toEqual([])
})

test('texts: every default text is a valid custom text', () => {
  for (const language of ['zh-CN', 'en'] as const) {
    const texts = Object.fromEntries(Object.entries(noticeTexts).map(([name, texts]) => [name, texts[language]]))
    expect(read(wecom({ bot }, { texts })).issues).toEqual([])
  }
})

test('texts: an unknown name is an error with a suggestion', () => {
  const value = wecom({ bot, accounts: { sales: { ...sales, texts: { bussy: 'x' } } } }, { texts: { farewell: 'x' } })
  const [one, other, ...more] = errors(value)
  expect(one).toBe('channels.wecom.accounts.sales.texts.bussy: unknown key; did you mean "busy"?')
  expect(other).toMatch(/^texts\.farewell: unknown key; closest match: "\w+"$/)
  expect(more).toEqual([])
})

test('texts: an unknown placeholder is an error that lists the known ones', () => {
  const value = wecom({ bot }, { texts: { elapsed: '{phase} since {start}', busy: 'No, {name}', stopped: 'a { b' } })
  expect(errors(value)).toEqual([
    'texts.elapsed: expected at most 500 characters, placeholders {elapsed}, {phase}, got "{phase} since {start}"',
    'texts.stopped: expected at most 500 characters, no placeholders, got "a { b"',
    'texts.busy: expected at most 500 characters, no placeholders, got "No, {name}"',
  ])
})

test('texts: empty, blank, overlong and non-text values are rejected', () => {
  for (const text of ['', ' \n', 'x'.repeat(501), 7, null, ['x']]) {
    expect(errors(wecom({ bot }, { texts: { busy: text } }))[0]).toStartWith(
      'texts.busy: expected at most 500 characters',
    )
  }
  expect(config(wecom({ bot }, { texts: { busy: 'x'.repeat(500) } })).texts['busy']).toHaveLength(500)
})

test('texts: a text of 20,000 placeholders is checked without backtracking', () => {
  const text = `${'{{}}{elapsed}'.repeat(20_000)}{`
  expect(errors(wecom({ bot }, { texts: { elapsed: text } }))).toHaveLength(1)
})

test('texts: docs/config.md lists every notice with both default texts', async () => {
  const docs = await Bun.file(join(import.meta.dir, '../../docs/config.md')).text()
  const missing = Object.entries(noticeTexts).filter(([name, texts]) => {
    const item = docs.split('\n').find(line => line.startsWith(`- **\`${name}\`**`)) ?? ''
    const parts = [texts['zh-CN'], texts.en].map(text => `\`${text.replaceAll('\n', '\\n')}\``)
    return ![...parts, ...placeholdersIn(texts.en).map(one => `{${one}}`)].every(part => item.includes(part))
  })
  expect(missing.map(([name]) => name)).toEqual([])
})
