/** One thing that the echo agent does. A run ends after its last step. */
export type Step =
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'say'; readonly text: string }
  | {
      readonly kind: 'tool'
      readonly name: string
      readonly args: object
      readonly ms: number
      readonly result: string
    }
  | { readonly kind: 'fail'; readonly message: string }
  | { readonly kind: 'hang' }

/** What the agent does with a message. An async generator lets a test decide when the next word comes. */
export type Script = (message: string) => Iterable<Step> | AsyncIterable<Step>

const wordMs = 60

/** The default script: an echo in growing words; directives in the prompt choose other behaviours. */
export function* echoScript(message: string): Generator<Step, void> {
  const slow = numbers(/\[slow (\d+)\]/, message)
  if (slow) yield { kind: 'wait', ms: slow[0] ?? 0 }
  if (message.includes('[fail]')) {
    yield { kind: 'fail', message: 'LLM request failed: the echo agent was told to fail.' }
  } else if (message.includes('[hang]')) {
    yield { kind: 'say', text: 'partial ' }
    yield { kind: 'hang' }
  } else if (!message.includes('[empty]')) {
    yield* answer(message)
  }
}

function* answer(message: string): Generator<Step, void> {
  if (message.includes('[tool]')) yield { kind: 'tool', name: 'exec', args: { command: 'date' }, ms: 400, result: 'ok' }
  const long = numbers(/\[long (\d+) (\d+)\]/, message)
  const big = numbers(/\[big (\d+)\]/, message)
  if (long) yield* words(longAnswer(long[0] ?? 0).split(/(?<= )/), long[1] ?? wordMs)
  else if (big) yield* words(bigAnswer(big[0] ?? 0).match(/[\s\S]{1,1500}/g) ?? [], wordMs)
  else yield* words(wordsOf(echoAnswer(message)), wordMs)
}

/** The whole answer of the default script to a message without directives. */
export function echoAnswer(message: string): string {
  const said = message.replace(/\[(?:slow|long|big)[ \d]*\]|\[tool\]/g, '').trim()
  if (/\p{Script=Han}/u.test(said)) {
    return `你说的是：${said}\n\n我是演示用的回声助手。这段话一个词一个词地长出来，企业微信每秒取一次，气泡就跟着变长。`
  }
  return `You said: ${said}\n\nI am the echo agent of the demo. This answer grows word by word, and the bubble grows with every refresh.`
}

/** `tok0 tok1 … tok<count-1>`, the answer to `[long count ms]`. */
export function longAnswer(count: number): string {
  return Array.from({ length: count }, (_, index) => `tok${index}`).join(' ')
}

/** Exactly `size` bytes in numbered lines, so that a missing or doubled part is seen at once. */
export function bigAnswer(size: number): string {
  const lines: string[] = []
  let left = size
  for (let index = 1; ; index++) {
    const line = `${String(index).padStart(5, '0')} 这一行用来占地方，看看有没有丢掉哪一段。\n`
    const bytes = Buffer.byteLength(line)
    if (bytes > left) break
    lines.push(line)
    left -= bytes
  }
  return lines.join('') + '.'.repeat(left)
}

function wordsOf(text: string): string[] {
  return [...new Intl.Segmenter('zh', { granularity: 'word' }).segment(text)].map(word => word.segment)
}

function* words(texts: readonly string[], ms: number): Generator<Step> {
  for (const text of texts) {
    yield { kind: 'say', text }
    yield { kind: 'wait', ms }
  }
}

function numbers(pattern: RegExp, message: string): number[] | undefined {
  return pattern.exec(message)?.slice(1).map(Number)
}
