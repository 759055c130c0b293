import { expect, test } from 'bun:test'
import { splitParts } from '../../../src/core/text/parts.ts'
import { byteLength, cutHead } from '../../../src/core/text/split.ts'
import { type Seeded, seeded } from '../../crypto/seeded.ts'

/** The opening line of the code block that is open after `text`. Written without looking at the code under test. */
function openFenceAfter(text: string, fence?: string): string | undefined {
  let open = fence
  for (const line of text.split('\n')) {
    const bare = line.replace(/\r$/, '')
    const run = /^ {0,3}(`{3,}|~{3,})/.exec(bare)?.[1]
    if (run === undefined) continue
    const rest = bare.trimStart().slice(run.length)
    const mark = open?.trimStart().match(/^`+|^~+/)?.[0]
    if (mark === undefined) open = run.startsWith('`') && rest.includes('`') ? undefined : bare
    else if (run.startsWith(mark) && rest.trim() === '') open = undefined
  }
  return open
}

/** Joins the parts to the original text again. Where a newline may be ours or the text's, `text` decides. */
function unsplit(parts: readonly string[], text: string): string {
  if (parts.length === 1) return parts[0] ?? ''
  let made = ''
  parts.forEach((part, i) => {
    const number = `(${i + 1}/${parts.length})\n`
    expect(part.startsWith(number)).toBe(true)
    let slice = part.slice(number.length)
    const reopened = openFenceAfter(made)
    if (reopened !== undefined) {
      expect(slice.startsWith(`${reopened}\n`)).toBe(true)
      slice = slice.slice(reopened.length + 1)
    }
    if (i === parts.length - 1) {
      made += slice
      expect(openFenceAfter(part)).toBe(openFenceAfter(text))
      return
    }
    expect(openFenceAfter(part)).toBeUndefined()
    const body = slice.slice(0, slice.lastIndexOf('\n') + 1)
    const isClosedByUs = openFenceAfter(body, reopened) !== undefined
    if (isClosedByUs) expect(slice.slice(body.length)).toMatch(/^(`{3,}|~{3,})$/)
    made += isClosedByUs && !text.startsWith(made + body) ? body.slice(0, -1) : isClosedByUs ? body : slice
    expect(slice === '' || (isClosedByUs && body === '')).toBe(false)
  })
  return made
}

const words = [
  'word',
  '测试',
  '長い',
  '😀',
  '👨‍👩‍👧‍👦',
  '🇨🇳',
  'e\u0301',
  '`code`',
  '``',
  '~',
  'x``````',
  '*',
  'https://example.com/a?b=c',
  '\ufeff',
  '　',
]
const fences = ['```', '````', '~~~', '  ```js', '```c++ title="甲"', '   ~~~~ sh', '```a`b', '```x```', '`````']

function randomText(random: Seeded, bytes: number, withFences: boolean): string {
  const pick = (list: readonly string[]) => list[random.below(list.length)] ?? ''
  const lineWords = [3, 30, 300, 3000][random.below(4)] ?? 3
  const newline = random.below(8) === 0 ? '\r\n' : '\n'
  const pieces: string[] = []
  for (let left = bytes; left > 0; ) {
    const isFence = withFences && random.below(6) === 0
    const line = isFence ? pick(fences) : Array.from({ length: random.below(lineWords) }, () => pick(words)).join(' ')
    const piece = `${line}${newline.repeat(1 + random.below(3))}`
    pieces.push(piece)
    left -= byteLength(piece)
  }
  const text = pieces.join('')
  return random.below(2) === 0 ? text : text.trimEnd()
}

test('parts: a short text is unchanged, an empty one has no parts', () => {
  expect(splitParts('', 64, 8)).toEqual([])
  expect(splitParts('a\n', 64, 8)).toEqual(['a\n'])
  expect(splitParts('x'.repeat(64), 64, 1)).toEqual(['x'.repeat(64)])
  expect(splitParts('x'.repeat(65), 64, 1)).toBeUndefined()
})

test('parts: joined they are the text; each fits, with closed code blocks', () => {
  let cut = 0
  for (let seed = 1; seed <= 10_000; seed++) {
    const random = seeded(seed)
    const limit = 128 + random.below(400)
    const text = randomText(random, random.below(limit * 6), random.below(3) > 0)
    const parts = splitParts(text, limit, 8)
    if (parts === undefined) {
      expect(byteLength(text), `seed ${seed}`).toBeGreaterThan(limit * 4)
      continue
    }
    if (parts.length > 1) cut++
    for (const part of parts) expect(byteLength(part), `seed ${seed}`).toBeLessThanOrEqual(limit)
    expect(parts.every(part => part.isWellFormed())).toBe(true)
    expect(parts.length).toBeLessThanOrEqual(8)
    expect(unsplit(parts, text) === text, `seed ${seed}`).toBe(true)
  }
  expect(cut).toBeGreaterThan(5_000)
})

const shapes: Readonly<Record<string, string>> = {
  'one line': 'x',
  'one line of Chinese': '测',
  emoji: '😀',
  families: '👨‍👩‍👧‍👦',
  flags: '🇨🇳',
  'a letter with 700 accents': `a${'\u0301'.repeat(700)}`,
  'empty lines': '\n',
  'Windows lines': '\r\n',
  'short lines': `${'测试 abc '.repeat(8)}\n`,
  'lines of 700 bytes': `${'x'.repeat(699)}\n`,
  'lines of 1,100 bytes': `${'x'.repeat(1_099)}\n`,
  'lines of 2,000 bytes': `${'测'.repeat(666)}x\n`,
  'lines of 2,048 bytes': `${'x'.repeat(2_047)}\n`,
  'paragraphs of 1,400 bytes': `${'测试，'.repeat(155)}abc\n\n`,
  'inline code': 'a `b` `` c `` ',
  'byte order marks': '\ufeff',
}

test.each(Object.entries(shapes))('parts: 15 KB fit in 8 messages of an app: %s', (_, shape) => {
  const text = fill(shape, 15_360)
  const parts = splitParts(text, 2_048, 8) ?? []
  expect(parts.length).toBe(8)
  for (const part of parts) expect(byteLength(part)).toBeLessThanOrEqual(2_048)
  expect(unsplit(parts, text) === text).toBe(true)
})

test('parts: 15 KB fit in 8 messages of an app: random lines', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const text = fill(randomText(seeded(seed), 16_000, false), 15_360)
    const parts = splitParts(text, 2_048, 8)
    expect(parts?.length, `seed ${seed}`).toBeLessThanOrEqual(8)
    expect(unsplit(parts ?? [], text) === text, `seed ${seed}`).toBe(true)
  }
})

/** Repeats `shape` to exactly `bytes` bytes. */
function fill(shape: string, bytes: number): string {
  const head = cutHead(shape.repeat(Math.ceil(bytes / byteLength(shape))), bytes)
  return head + '.'.repeat(bytes - byteLength(head))
}

test('parts: cuts prefer blank lines, then line ends, then characters', () => {
  const [a, b, c] = ['a'.repeat(60), 'b'.repeat(60), 'c'.repeat(60)]
  expect(splitParts(`${a}\n\n${b}\n${c}`, 130, 8)).toEqual([`(1/2)\n${a}\n\n`, `(2/2)\n${b}\n${c}`])
  expect(splitParts(`${a}\n${b}\n${c}`, 130, 8)).toEqual([`(1/2)\n${a}\n${b}\n`, `(2/2)\n${c}`])
  expect(splitParts(a + b + c, 130, 8)).toEqual([`(1/2)\n${a}${b}cccc`, `(2/2)\n${c.slice(4)}`])
})

test('parts: a rest that fits in one message is not cut again', () => {
  const [a, b] = [`${'a'.repeat(100)}\n\n`, `${'b'.repeat(60)}\n\n${'c'.repeat(50)}`]
  expect(splitParts(a + b, 128, 8)).toEqual([`(1/2)\n${a}`, `(2/2)\n${b}`])
})

test('parts: fewer parts are more important than cuts at blank lines', () => {
  const paragraph = `${'x'.repeat(70)}\n\n`
  const text = paragraph.repeat(6)
  expect(splitParts(text, 128, 6)?.map(part => part.length)).toEqual([78, 78, 78, 78, 78, 78])
  expect(splitParts(text, 128, 4)?.map(part => part.length)).toEqual([128, 100, 128, 100])
  expect(splitParts(text, 128, 3)).toBeUndefined()
})

test('parts: emoji and combined characters are not split', () => {
  for (const cluster of ['👨‍👩‍👧‍👦', '🇨🇳', 'e\u0301', '각']) {
    const parts = splitParts(cluster.repeat(60), 128, 20) ?? []
    expect(parts.length).toBeGreaterThan(1)
    for (const part of parts) expect(part.replace(/^.*\n/, '').replaceAll(cluster, '')).toBe('')
  }
})

test('parts: emoji are not split in lines longer than a message', () => {
  const line = `${'👨‍👩‍👧‍👦'.repeat(70)}\n`
  const parts = splitParts(fill(line, 8 * byteLength(line) + 1_000), 2_048, 8) ?? []
  expect(parts.length).toBe(8)
  for (const part of parts) expect(part.replace(/^.*\n/, '').replace(/(?:👨‍👩‍👧‍👦|\n)*/, '')).toBe('')
})

test('parts: a code block that fits into the next message is not split', () => {
  const words = `${'word '.repeat(12)}\n`
  const code = `\`\`\`js\n${'let a\n'.repeat(12)}\`\`\`\n`
  expect(splitParts(words + code, 128, 8)).toEqual([`(1/2)\n${words}`, `(2/2)\n${code}`])
})

test('parts: a split code block is closed, and reopened with its language', () => {
  const line = `${'x'.repeat(49)}\n`
  const text = `Look:\n  ~~~~sh title="甲"\n${line.repeat(3)}  ~~~~\nDone.`
  expect(splitParts(text, 128, 8)).toEqual([
    `(1/3)\nLook:\n  ~~~~sh title="甲"\n${line}~~~~`,
    `(2/3)\n  ~~~~sh title="甲"\n${line}~~~~`,
    `(3/3)\n  ~~~~sh title="甲"\n${line}  ~~~~\nDone.`,
  ])
})

test('parts: a split line of code is closed on a new line', () => {
  expect(splitParts(`\`\`\`\n${'x'.repeat(200)}\n\`\`\``, 128, 8)).toEqual([
    `(1/2)\n\`\`\`\n${'x'.repeat(114)}\n\`\`\``,
    `(2/2)\n\`\`\`\n${'x'.repeat(86)}\n\`\`\``,
  ])
})

test('parts: a cut never turns backticks into a fence', () => {
  for (const run of ['````', '  ```']) {
    for (let before = 100; before < 130; before++) {
      const text = `${'x'.repeat(before)}${run}js ${'y'.repeat(100)}`
      const parts = splitParts(text, 128, 8) ?? []
      expect(unsplit(parts, text)).toBe(text)
      expect(parts.map(part => openFenceAfter(part))).toEqual([undefined, undefined])
    }
  }
})

test('parts: a cut never makes a fence, even without a byte to spare', () => {
  const [head, tail] = [`${'x'.repeat(115)}\nyy`, `y\`\`\`\`\`\`js ${'z'.repeat(112)}`]
  expect(splitParts(head + tail, 128, 2)).toEqual([`(1/2)\n${head}`, `(2/2)\n${tail}`])
})

test('parts: parts with very long fences stay within the limit', () => {
  for (const length of [30, 40, 100, 1_000]) {
    const text = `${'`'.repeat(length)}\n${'code\n'.repeat(100)}${'`'.repeat(length)}${' '.repeat(500)}\n`
    const parts = splitParts(text, 128, 100) ?? []
    expect(parts.length).toBeGreaterThan(1)
    for (const part of parts) expect(byteLength(part)).toBeLessThanOrEqual(128)
  }
})

test('parts: parts with multi-byte fences stay within the limit', () => {
  const text = `\`\`\`\`${'甲'.repeat(12)}\n${`\`\`\`${'乙'.repeat(12)}\n`.repeat(5)}\`\`\`\`\n`
  const parts = splitParts(text, 64, 20) ?? []
  expect(parts.length).toBeGreaterThan(1)
  for (const part of parts) expect(byteLength(part)).toBeLessThanOrEqual(64)
})

test.each(['x', '\n', 'a\n\n', '`', '```\n', '测', '👨‍👩‍👧‍👦'])('parts: 200 KB of %j are split quickly', shape => {
  const text = fill(shape, 200_000)
  const begun = Bun.nanoseconds()
  for (const part of splitParts(text, 2_048, 110) ?? []) expect(byteLength(part)).toBeLessThanOrEqual(2_048)
  expect(splitParts(text, 2_048, 90)).toBeUndefined()
  expect((Bun.nanoseconds() - begun) / 1e6).toBeLessThan(1_500)
})
