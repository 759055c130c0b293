import { expect, test } from 'bun:test'
import { removeMention } from '../../src/wecom/callback/mention.ts'

const unnamed: readonly [string, string][] = [
  ['@助手 今天天气 😀', '今天天气 😀'],
  ['@助手\u2005今天天气', '今天天气'],
  ['@助手\n第一行\n第二行', '第一行\n第二行'],
  ['@助手  两个空格', ' 两个空格'],
  ['@助手', '@助手'],
  ['@助手 ', ''],
  ['@助手\u200b', '\u200b'],
  ['@助手\n\u2060\u3164', '\u2060\u3164'],
  ['@助手，你好', '，你好'],
  ['@助手：帮我查 昨天', '：帮我查 昨天'],
  ['@助手!where is it', '!where is it'],
  ['@助手(急)明天 交', '(急)明天 交'],
  ['@助手。', '@助手。'],
  ['@助手 ？！', '@助手 ？！'],
  ['@助手帮我查', '@助手帮我查'],
  ['@助手@张三 你们好', '@张三 你们好'],
  ['@my_bot hello', 'hello'],
  ['@GPT-4.1 hello', 'hello'],
  ['@助手-帮我查 昨天', '-帮我查 昨天'],
  ['@助手/new', '/new'],
  ['@助手🤖 在吗', '在吗'],
  ['@助手 @张三 你们好', '@张三 你们好'],
  ['@助手 /new', '/new'],
  ['发给 user@H323 的信', '发给 user@H323 的信'],
  ['你好 @助手', '你好 @助手'],
  ['@ 不是名字', '@ 不是名字'],
  ['', ''],
]

for (const [text, expected] of unnamed) {
  test(`mention: without names ${JSON.stringify(text)} becomes ${JSON.stringify(expected)}`, () => {
    expect(removeMention(text, undefined, true)).toBe(expected)
    expect(removeMention(text, [], true)).toBe(expected)
  })
}

const named: readonly [readonly string[], string, string][] = [
  [['助手'], '@助手 今天天气', '今天天气'],
  [['@助手'], '@助手 今天天气', '今天天气'],
  [['助手'], '@助手，你好', '，你好'],
  [['助手'], '请问@助手 几点了', '请问几点了'],
  [['助手'], '你好 @助手', '你好'],
  [['助手'], '@助手', ''],
  [['助手'], '@助手2号 在吗 @助手 你呢', '@助手2号 在吗 你呢'],
  [['助手'], '@张三 看这里', '@张三 看这里'],
  [['H323'], 'user@H323 是地址', 'user@H323 是地址'],
  [['My Bot'], '@My Bot hello', 'hello'],
  [['My', 'My Bot'], '@My Bot hello', 'hello'],
  [['a.b(c'], '@a.b(c x', 'x'],
  [['助手'], '@助手 介绍 @助手 的功能', '介绍 @助手 的功能'],
  [['', '@'], '@ x', '@ x'],
]

for (const [names, text, expected] of named) {
  test(`mention: [${names.join()}] ${JSON.stringify(text)} becomes ${JSON.stringify(expected)}`, () => {
    expect(removeMention(text, names, true)).toBe(expected)
  })
}

test('mention: text of a single chat is returned unchanged', () => {
  expect(removeMention('@助手 你好', undefined, false)).toBe('@助手 你好')
  expect(removeMention('@助手 你好', ['助手'], false)).toBe('@助手 你好')
})

test('mention: partial mentions are searched in linear time', () => {
  const text = 'x@助手'.repeat(20_000)
  expect(removeMention(text, ['助手'], true)).toBe(text)
})
