import { expect, test } from 'bun:test'
import { parseCommand } from '../../src/domain/policy.ts'
import { removeMention } from '../../src/wecom/callback/mention.ts'
import { seeded } from '../crypto/seeded.ts'

/** `WORDS_RUNS` raises the number of random texts. */
const runs = Number(process.env.WORDS_RUNS ?? 4_000)

const names = ['助手', 'AI-bot', 'GPT_4', '小助手2号', 'H3.2']
const blanks = [' ', '  ', '\n', '\t', '\u3000', '\u2005', '\r\n', ' \u200b', '\u2060 ', '\ufeff']
const marks = ['，', '：', '！', ', ', '。', '(', '、', '…']
const words = [
  '帮我查',
  'hello',
  '昨天',
  '/etc/hosts',
  '@张三',
  '2026',
  '停止吧',
  '取消订单',
  'see /new',
  '😀',
  'é',
  '／价格',
  '?',
]
const commands = ['/new', '／stop', '/HELP', '/whoami', '／model']

function dice(seed: number) {
  const random = seeded(seed)
  const pick = (list: readonly string[]) => list[random.below(list.length)] ?? ''
  const some = (list: readonly string[], most: number) =>
    Array.from({ length: random.below(most + 1) }, () => pick(list)).join('')
  return { random, pick, some }
}

/** What a reader takes for words: letters, digits and symbols. */
const wordsOf = (text: string) => text.match(/[\p{L}\p{N}\p{S}\p{M}]+/gu) ?? []

test(`words: none of ${runs} random group texts loses a word with the name before it`, () => {
  for (let seed = 0; seed < runs; seed++) {
    const { random, pick } = dice(seed)
    const body = Array.from({ length: 1 + random.below(4) }, () => pick(words)).join(pick(blanks))
    const name = pick(names)
    const text = `@${name}${pick(random.below(2) === 0 ? blanks : marks)}${body}`
    for (const known of [undefined, [name]]) {
      const heard = wordsOf(removeMention(text, known, true))
      const own = wordsOf(body)
      expect({ text, known, heard: heard.slice(heard.length - own.length) }).toEqual({ text, known, heard: own })
    }
  }
})

test(`words: a command stays one with any blanks around it, in ${runs} random texts`, () => {
  for (let seed = 0; seed < runs; seed++) {
    const { pick, some } = dice(seed)
    const command = pick(commands)
    const rest = pick(['', pick(words)])
    const text = `${some(blanks, 3)}${command}${rest === '' ? '' : pick([' ', '\n', '\u3000'])}${rest}${some(blanks, 2)}`
    const group = `@${pick(names)}${pick([' ', '\n', '\u3000'])}${text}`
    const parsed = { name: command.slice(1).toLowerCase(), rest }
    expect([text, parseCommand(text)]).toEqual([text, parsed])
    expect([group, parseCommand(removeMention(group, undefined, true))]).toEqual([group, parsed])
    const stop = `${some(blanks, 2)}${pick(['停止', '取消'])}${some(['。', '！', '!', '.', '…', ' '], 3)}${some(blanks, 2)}`
    expect([stop, parseCommand(stop)]).toEqual([stop, { name: 'stop', rest: '' }])
  }
})

test(`words: chat is never a command, in ${runs} random texts`, () => {
  const openings = ['帮我 ', 'see ', '> ', '。', '/', '/etc', '/新', '/1', '停止', '取消', '？', '😀']
  const closings = ['吧', '?', '？', ' 的', '/new', '单', '/hosts']
  for (let seed = 0; seed < runs; seed++) {
    const { pick, some } = dice(seed)
    const text = `${some(blanks, 2)}${pick(openings)}${pick(closings)}${some(words, 2)}`
    if (/^[\s\u200b\u2060]*[/／][a-z][\w-]{0,31}(?:\s|$)/i.test(text)) continue
    expect([text, parseCommand(text)]).toEqual([text, undefined])
  }
})
