import { describe, expect, test } from 'bun:test'
import { decodeUtf8, doubledKeys, parseJson5 } from '../../src/config/syntax.ts'

const messageFor = (text: string): string => {
  try {
    parseJson5(text)
    return 'valid'
  } catch (error) {
    return (error as Error).message
  }
}

describe('the syntax of a config file', () => {
  const table: readonly (readonly [name: string, text: string, lines: readonly string[]])[] = [
    [
      'a missing comma',
      "{\n  log: { level: 'info' }\n  timezone: 'UTC',\n}",
      [
        ":3:3: invalid character 't'; a comma seems to be missing at the end of line 2",
        "3 |   timezone: '***',",
        '  |   ^',
      ],
    ],
    [
      'a missing comma after a comment',
      '{\n  a: 1 // one\n\n  b: 2 }',
      [":4:3: invalid character 'b'; a comma seems to be missing at the end of line 2", '4 |   b: * }', '  |   ^'],
    ],
    [
      'YAML',
      'channels:\n  wecom:\n    token: abc\n',
      [
        ':1:1: invalid character \'c\'; it looks like YAML, wecomd reads JSON5: { key: "value" }',
        '1 | channels:',
        '  | ^',
      ],
    ],
    [
      'TOML',
      '[channels.wecom]\ntoken = "abc"\n',
      [
        ':1:2: invalid character \'c\'; it looks like TOML or INI, wecomd reads JSON5: { key: "value" }',
        '1 | [channels.wecom]',
        '  |  ^',
      ],
    ],
    [
      'a quote that is not closed',
      "{\n  token: 'abc,\n}",
      [
        ":2:15: invalid character '\\n'; a quote or a bracket is not closed",
        "2 |   token: '***,",
        '  |               ^',
      ],
    ],
    [
      'a bracket that is not closed',
      '{ a: {',
      [':1:7: invalid end of input; a quote or a bracket is not closed', '1 | { a: {', '  |       ^'],
    ],
  ]
  for (const [name, text, lines] of table) {
    test(`syntax: ${name} is shown with its line, a caret and a guess`, () => {
      expect(messageFor(text).split('\n')).toEqual([...lines])
    })
  }

  test('syntax: what may be a secret is not shown', () => {
    for (const text of [
      '{ token: "s3cret" x: "s3cret" }',
      "{ token: 's3cret\\'s3cret' ? }",
      'token: s3cret\n',
      '{ token: s3cret }',
      '{ "token": "s3cret\n}',
    ]) {
      expect(messageFor(text)).not.toContain('s3cret')
    }
  })

  test('syntax: a file in another encoding is named with its line', () => {
    const gbk = Buffer.from([0x7b, 0x0a, 0x2f, 0x2f, 0x20, 0xd6, 0xd0, 0xce, 0xc4, 0x0a, 0x7d])
    expect(() => decodeUtf8(gbk)).toThrow('it is not in UTF-8, line 2 (it looks like GBK); save it as UTF-8')
    expect(() => decodeUtf8(Buffer.from('\ufeff{}', 'utf16le'))).toThrow('it looks like UTF-16')
    expect(() => decodeUtf8(Buffer.from([0x7b, 0xff]))).toThrow('it is not in UTF-8, line 1; save')
    expect(decodeUtf8(Buffer.from('\ufeff{ "中": 1 }'))).toBe('{ "中": 1 }')
  })

  test('syntax: keys that are written twice have a path and a line', () => {
    const text = `{
  a: 1, 'a': 2, // a: 3
  list: [{ b: 1 }, { b: 1,
    "b": '{ c: 1, c: 2 }' }],
  in: { a: 1, /* a: 2 */ n: { x: [1, 2, {}], x: 2 } },
}`
    expect(doubledKeys(text)).toEqual([
      { path: 'a', line: 2 },
      { path: 'list[1].b', line: 4 },
      { path: 'in.n.x', line: 5 },
    ])
    expect(doubledKeys('{}')).toEqual([])
  })
})
