import { expect, test } from 'bun:test'
import { parseCallbackQuery } from '../../src/wecom/callback/query.ts'

const base = 'msg_signature=5c45&timestamp=1409659589&nonce=263014780'

test('query: parameters are found in any order, others are ignored', () => {
  const expected = { signature: '5c45', timestamp: '1409659589', nonce: '263014780' }
  expect(parseCallbackQuery(base, false)).toEqual(expected)
  expect(parseCallbackQuery('utm=1&nonce=263014780&timestamp=1409659589&&flag&msg_signature=5c45', false)).toEqual(
    expected,
  )
  expect(parseCallbackQuery(`${base}&echostr=abc`, false)).toEqual(expected)
})

test('query: values are unescaped once, and a raw plus stays a plus', () => {
  expect(parseCallbackQuery(`${base}&echostr=a%2Bb%2F%3D%3D`, true)?.echostr).toBe('a+b/==')
  expect(parseCallbackQuery(`${base}&echostr=a+b/==`, true)?.echostr).toBe('a+b/==')
  expect(parseCallbackQuery(`${base}&echostr=a%252Bb`, true)?.echostr).toBe('a%2Bb')
})

const bad: readonly [string, string][] = [
  ['is empty', ''],
  ['lacks the signature', 'timestamp=1&nonce=2&echostr=3'],
  ['lacks the timestamp', 'msg_signature=1&nonce=2&echostr=3'],
  ['lacks the nonce', 'msg_signature=1&timestamp=2&echostr=3'],
  ['lacks the echostr', base],
  ['has an empty nonce', 'msg_signature=1&timestamp=2&nonce=&echostr=3'],
  ['has a nonce without a value', 'msg_signature=1&timestamp=2&nonce&echostr=3'],
  ['has two nonces', `${base}&nonce=263014780&echostr=3`],
  ['has a second, empty nonce', `${base}&nonce=&echostr=3`],
  ['has two echostrs', `${base}&echostr=3&echostr=3`],
  ['ends inside an escape', `${base}&echostr=%2`],
  ['escapes invalid UTF-8', `${base}&echostr=%FF`],
  ['spells a name in capitals', 'MSG_SIGNATURE=1&timestamp=2&nonce=3&echostr=4'],
]

for (const [what, query] of bad) {
  test(`query: refused when it ${what}`, () => {
    expect(parseCallbackQuery(query, true)).toBeUndefined()
  })
}
