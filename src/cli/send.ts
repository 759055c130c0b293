import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { Type } from '@sinclair/typebox'
import { fileErrorReason } from '../config/reading.ts'
import { limits } from '../domain/limits.ts'
import { messageOf, WecomdError } from '../errors.ts'
import { lookUp, refuse, sendToDaemon } from './daemon.ts'
import { exitCodes } from './exit-codes.ts'
import { deliveryReport, describeOutcome, describeState } from './report.ts'
import type { Call } from './table/commands.ts'
import { UsageError } from './table/usage-error.ts'
import type { Terminal } from './terminal.ts'
import { sendTexts } from './texts/send.ts'

type Values = Call<'send'>['values']
type SendTexts = (typeof sendTexts)['en']

const contents = ['text', 'markdown', 'card', 'file'] as const

/** `wecomd send`: 1 when the daemon refuses it or, with `--wait`, when it did not arrive in time; 4 without a daemon. */
export async function send({ values }: Call<'send'>, terminal: Terminal): Promise<number> {
  const texts = sendTexts[terminal.language]
  const given = contents.filter(name => values[name] !== undefined)
  if (given.length !== 1) throw new UsageError(['send'], texts.oneContent)
  const { timeout = '60' } = values
  const timeoutMs = Number(timeout) * 1000
  if (!(timeoutMs > 0)) throw new UsageError(['send'], texts.badTimeout(timeout))
  const request = {
    to: values.to,
    ...(values.account !== undefined && { account: values.account }),
    ...(await contentOf(values, terminal)),
    ...(values.key !== undefined && { idempotencyKey: values.key }),
  }
  const answer = await sendToDaemon('/api/send', request, Type.Object({ id: Type.String() }), values, terminal)
  if ('error' in answer) return refuse(answer.error, values, terminal)
  const { id } = answer.body
  if (!values.wait) {
    terminal.out(values.json ? JSON.stringify({ id }) : id)
    return exitCodes.ok
  }
  if (!values.json) terminal.out(id)
  return await waitFor(id, timeoutMs, values, terminal)
}

async function contentOf(values: Values, terminal: Terminal): Promise<object> {
  const { text, markdown, card, file } = values
  const texts = sendTexts[terminal.language]
  if (text !== undefined) return { text: await readText(text, terminal) }
  if (markdown !== undefined) return { markdown: await readText(markdown, terminal) }
  if (card !== undefined) return { card: readCard(card, texts) }
  const path = file ?? ''
  const bytes = read(path, texts)
  if (bytes.length === 0) throw new WecomdError('bad_message', texts.empty(path))
  if (bytes.length > limits.mediaBytes.file) throw new WecomdError('bad_message', texts.tooLarge(path))
  return { media: { fileName: basename(path), base64: bytes.toString('base64') } }
}

async function readText(given: string, { readInput, language }: Terminal): Promise<string> {
  if (given !== '-') return given
  const texts = sendTexts[language]
  const text = decode(await readInput(), texts.standardInput, texts)
  if (text === '') throw new WecomdError('usage', texts.nothingOnInput)
  return text
}

/** Strict: bytes of another encoding would arrive as question marks. */
function decode(bytes: Uint8Array, what: string, texts: SendTexts): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new WecomdError('usage', texts.notUtf8(what))
  }
}

function readCard(file: string, texts: SendTexts): unknown {
  try {
    const card: unknown = JSON.parse(decode(read(file, texts), file, texts))
    // A whole message, as the platform's documents show it, is accepted for its card.
    return typeof card === 'object' && card !== null && 'template_card' in card ? card.template_card : card
  } catch (error) {
    if (error instanceof WecomdError) throw error
    throw new WecomdError('usage', texts.notJson(file, messageOf(error)))
  }
}

function read(file: string, texts: SendTexts): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new WecomdError('usage', texts.unreadable(file, fileErrorReason(error)))
  }
}

const pollMs = 300

async function waitFor(id: string, timeoutMs: number, values: Values, terminal: Terminal): Promise<number> {
  const texts = sendTexts[terminal.language]
  const { clock } = terminal.openWorld({ level: 'error', format: 'json' })
  const until = clock.now() + timeoutMs
  for (;;) {
    const report = await lookUp(`/api/deliveries/${encodeURIComponent(id)}`, deliveryReport, values, terminal)
    if (report === undefined) throw new WecomdError('not_found', texts.forgotten(id))
    const isOver = report.finishedAt !== undefined
    if (isOver || clock.now() >= until) {
      const lines = [describeState(report.state, terminal), ...describeOutcome(report, terminal)]
      for (const line of values.json ? [JSON.stringify(report)] : lines) terminal.out(line)
      if (!isOver) terminal.err(`wecomd: ${texts.late(timeoutMs / 1000)}`)
      return report.state === 'delivered' || report.state === 'partial' ? exitCodes.ok : exitCodes.failed
    }
    await new Promise<void>(resolve => void clock.alarm(clock.now() + pollMs, resolve))
  }
}
