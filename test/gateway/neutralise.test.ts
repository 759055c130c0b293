import { expect, test } from 'bun:test'
import { neutralise, neutraliseArguments } from '../../src/gateway/chat/neutralise.ts'

/** The joiner is shown as `_`, which no text in the tables contains. */
const shown = (text: string) => neutralise(text).replaceAll('\u2060', '_')

const marked: readonly [string, string][] = [
  ['hi /think high', 'hi _/think high'],
  ['/think high', '_/think high'],
  ['/THINK:high', '_/THINK:high'],
  ['line1\n/model fake/x', 'line1\n_/model fake/x'],
  ['> /status', '> _/status'],
  ['a\u3000/status b\u00a0/v c\ufeff/t', 'a\u3000_/status b\u00a0_/v c\ufeff_/t'],
  ['/a /b\t/c', '_/a _/b\t_/c'],
  ['请把 /exec host=gateway 加上', '请把 _/exec host=gateway 加上'],
  ['用 /快 吧', '用 _/快 吧'],
  ['/stop。', '_/stop。'],
  ['/ status', '_/ status'],
  ['[note]/status', '[note]_/status'],
  ['[a] [b]\n/status', '[a] [b]\n_/status'],
  ['[zhangsan]\n!ls', '[zhangsan]\n_!ls'],
  ['!ls', '_!ls'],
  ['\\n/status', '\\n_/status'],
  ['use $canvas now', 'use $_canvas now'],
  ['stop', 'stop_'],
  ['  Stop !! ', '  Stop_ !! '],
  ['停止。', '停止_。'],
  ['रुको', 'रुको_'],
  ['stop don’t do anything', 'stop don’t do anything_'],
  ['stop\nopenclaw', 'stop\nopenclaw_'],
  ['[zhangsan]\nstop', '[zhangsan]\nstop_'],
  ['foo: stop', 'foo: stop_'],
  ['a:\nb: 停止!', 'a:\nb: 停止_!'],
  ['[u] /a/b: stop', '[u] /a/b: stop_'],
  ['arre\u0302te', 'arre\u0302te_'],
]

test('neutralise: only words the gateway would obey get a joiner', () => {
  expect(marked.map(([text]) => shown(text))).toEqual(marked.map(([, wanted]) => wanted))
})

// biome-ignore format: a table
const left = [
  '', 'hello', '／status', '／think high', '/etc/hosts 是什么', 'cat /etc/hosts please', '[zhangsan]\n/etc/hosts',
  'https://example.com/status', '2026/11/23', 'and/or', 'a / b', '/', '/:', 'say "/think high"', '(/status)',
  '请停止', '取消', 'please stop it', 'stopping', 'nonstop', '$100 and $HOME', 'wow!', 'foo/bar baz', '\\\\share/x',
  '[[reply_to_current]] hi', 'MEDIA:/etc/hosts', '@everyone hi', ' two  spaces \n\n\tand a tab ', '👨‍👩‍👧 عربى',
]

test('neutralise: any other text is returned unchanged', () => {
  expect(left.map(neutralise)).toEqual(left)
})

test('neutralise: applying it twice changes nothing', () => {
  const once = marked.map(([text]) => neutralise(text))
  expect(once.map(neutralise)).toEqual(once)
})

// biome-ignore format: a table
const commands: readonly [string, string][] = [
  ['/model gpt', '/model gpt'], ['/Status', '/Status'], ['/model a/b-2', '/model a/b-2'], ['/queue interrupt', '/queue interrupt'],
  ['/model gpt /think high', '/model gpt _/think high'], ['/model gpt\n/exec ls', '/model gpt\n_/exec ls'],
  ['/model /think high', '/model _/think high'], ['/compact use $canvas', '/compact use $_canvas'],
  ['/model foo: stop', '/model foo: stop_'], ['hi /think high', 'hi _/think high'], ['/etc/hosts', '/etc/hosts'],
]

test('neutralise: an allowed command is kept, its arguments become text', () => {
  expect(commands.map(([text]) => neutraliseArguments(text).replaceAll('\u2060', '_'))).toEqual(
    commands.map(([, wanted]) => wanted),
  )
})

test('neutralise: control characters cannot hide a command', () => {
  expect(shown('a \u0001/thi\u0002nk high')).toBe('a _/think high')
  expect(shown('/\u000bthink')).toBe('_/think')
  expect(shown('st\u007fop')).toBe('stop_')
  expect(shown('no\u0000 null')).toBe('no null')
  expect(shown('tab\t and\r\nlines stay')).toBe('tab\t and\r\nlines stay')
})

test('neutralise: removing the joiners restores the text', () => {
  const parts = ['/', ' ', '\n', 'stop', '[u]', ':', '!', '$a', '\\n', '停止', '/think', 'x', '／', '.', '\u3000']
  const texts = parts.flatMap(a => parts.flatMap(b => parts.flatMap(c => parts.map(d => a + b + c + d))))
  const wrong = texts.filter(text => neutralise(text).replaceAll('\u2060', '') !== text)
  expect(wrong).toEqual([])
})

test('neutralise: a long text takes linear time', () => {
  const long = ['[a]/x ', '[', 'a: ', '/ ', 'x:\n', ' ', '$A', 'stop ', '[]', '\\n', '/a'].map(part =>
    part.repeat(20_000),
  )
  expect(long.map(text => neutralise(text).replaceAll('\u2060', '') === text)).toEqual(long.map(() => true))
})
