import type { EchoWish } from '../approvals.ts'
import type { ScriptFile } from '../files/blocks.ts'
import type { ChatFile } from '../files/media.ts'
import { drawPicture } from '../files/picture.ts'
import type { EchoQuestion, EchoReplies } from '../questions.ts'

/** One step of the echo agent. A run ends after its last step. */
export type ScriptStep =
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'say'; readonly text: string }
  | {
      readonly kind: 'tool'
      readonly name: string
      readonly args: object
      readonly ms: number
      readonly result: string
    }
  /** Asks for approval of a command or a plugin's step, then answers `allowed` or `denied`. */
  | ({ readonly kind: 'approve'; readonly allowed: string; readonly denied: string } & EchoWish)
  /** Asks the user, then says what `reply` makes of the replies; of undefined if nobody replied or may be asked. */
  | {
      readonly kind: 'question'
      readonly questions: readonly EchoQuestion[]
      readonly reply: (replies: EchoReplies | undefined) => string
    }
  | ({ readonly kind: 'file' } & ScriptFile)
  | { readonly kind: 'fail'; readonly message: string }
  | { readonly kind: 'hang' }

/** Maps a message to steps. An async generator lets a test decide when the next step happens. */
export type Script = (message: string, media: readonly ChatFile[]) => Iterable<ScriptStep> | AsyncIterable<ScriptStep>

const wordMs = 60

/** The default script: echoes the message word by word. Directives such as `[slow 500]` select other behaviours. */
export function* echoScript(message: string, media: readonly ChatFile[] = []): Generator<ScriptStep, void> {
  const slow = numbers(/\[slow (\d+)\]/, message)
  if (slow) yield { kind: 'wait', ms: slow[0] ?? 0 }
  if (message.includes('[fail]')) {
    yield { kind: 'fail', message: 'LLM request failed: the echo agent was told to fail.' }
  } else if (message.includes('[hang]')) {
    yield { kind: 'say', text: 'partial ' }
    yield { kind: 'hang' }
  } else if (!message.includes('[empty]')) {
    yield* answer(message, media)
  }
}

function* answer(message: string, media: readonly ChatFile[]): Generator<ScriptStep, void> {
  if (message.includes('[tool]')) yield { kind: 'tool', name: 'exec', args: { command: 'date' }, ms: 400, result: 'ok' }
  const long = numbers(/\[long (\d+) (\d+)\]/, message)
  const big = numbers(/\[big (\d+)\]/, message)
  if (long) yield* words(longAnswer(long[0] ?? 0).split(/(?<= )/), long[1] ?? wordMs)
  else if (big) yield* words(bigAnswer(big[0] ?? 0).match(/[\s\S]{1,1500}/g) ?? [], wordMs)
  else yield* words(wordsOf(echoAnswer(message, media)), wordMs)
  if (/图片|picture/i.test(message))
    yield { kind: 'file', name: 'echo.png', mimeType: 'image/png', bytes: drawPicture() }
  if (/文件|file report/i.test(message)) yield { kind: 'file', name: '回声.csv', mimeType: 'text/csv', bytes: report }
}

const report = Buffer.from('\u{feff}编号,说明\r\n1,演示用的表格\r\n')

type Heard = readonly Pick<ChatFile, 'fileName' | 'bytes'>[]

/** The whole answer of the default script to a message without directives. */
export function echoAnswer(message: string, media: Heard = []): string {
  const said = message.replace(/\[(?:slow|long|big)[ \d]*\]|\[tool\]/g, '').trim()
  const isChinese = (said === '' && media.length > 0) || /\p{Script=Han}/u.test(said)
  const { sent, echoed, size, rest } = isChinese ? chinese : english
  const files = media.map(({ fileName, bytes }) => `${fileName}${size(Math.ceil(bytes / 1024))}`)
  const lines = [
    ...(files.length > 0 ? [`${sent}${files.join('、')}`] : []),
    ...(said !== '' || files.length === 0 ? [`${echoed}${said}`] : []),
  ]
  return `${lines.join('\n')}\n\n${rest}`
}

const chinese = {
  sent: '收到文件：',
  echoed: '你说的是：',
  size: (kb: number) => `（${kb} KB）`,
  rest: '我是演示用的回声助手。回答逐词生成，企业微信每秒刷新一次气泡。',
}
const english: typeof chinese = {
  sent: 'You sent: ',
  echoed: 'You said: ',
  size: kb => ` (${kb} KB)`,
  rest: 'I am the echo agent of the demo. This answer grows word by word, and the bubble grows with every refresh.',
}

/** `tok0 tok1 … tok<count-1>`, the answer to `[long count ms]`. */
export function longAnswer(count: number): string {
  return Array.from({ length: count }, (_, index) => `tok${index}`).join(' ')
}

/** Exactly `size` bytes in numbered lines, so that a missing or duplicate part is easy to see. */
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

function* words(texts: readonly string[], ms: number): Generator<ScriptStep> {
  for (const text of texts) {
    yield { kind: 'say', text }
    yield { kind: 'wait', ms }
  }
}

function numbers(pattern: RegExp, message: string): number[] | undefined {
  return pattern.exec(message)?.slice(1).map(Number)
}
