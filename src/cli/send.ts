import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { Type } from '@sinclair/typebox'
import { reasonOf } from '../config/reading.ts'
import { limits } from '../domain/limits.ts'
import { messageOf, WecomdError } from '../errors.ts'
import { daemonFlags, daemonUsage, lookUp, refuse, tellDaemon } from './daemon.ts'
import type { CliIo } from './io.ts'
import { deliveryReport, describeOutcome } from './report.ts'
import { alwaysUsage, exitCodes, parseCommand, usageError } from './usage.ts'

const usage = [
  'usage: wecomd send --to TARGET (--text S | --markdown S | --card FILE | --file FILE) [--wait] [--config FILE] [--json]',
  '',
  'Sends a message through the running daemon and prints the id of the delivery.',
  '',
  '  --to TARGET        user:ID (several with |), party:ID, tag:ID-or-name, group:CHATID, webhook:NAME; @ACCOUNT behind',
  '  --account A        the account to send with',
  '  --text S           plain text; - reads it from standard input',
  '  --markdown S       markdown; - reads it from standard input',
  '  --card FILE        the JSON of a template card',
  '  --file FILE        any file; pictures, AMR and MP4 are sent as such when they fit',
  '  --key KEY          an idempotencyKey: the same key is sent once, however often it is given',
  '  --wait             waits for the outcome and prints it (at most --timeout seconds)',
  '  --timeout SECONDS  how long --wait waits, 60 without it',
  ...daemonUsage,
  ...alwaysUsage,
]

const flags = {
  ...daemonFlags,
  to: { type: 'string' },
  account: { type: 'string' },
  text: { type: 'string' },
  markdown: { type: 'string' },
  card: { type: 'string' },
  file: { type: 'string' },
  key: { type: 'string' },
  wait: { type: 'boolean' },
  timeout: { type: 'string', default: '60' },
} as const

type Values = Extract<ReturnType<typeof parseSend>, { exit?: never }>['values']

function parseSend(args: readonly string[], io: CliIo) {
  return parseCommand(args, io, { usage, flags, positionals: 0 })
}

const contents = ['text', 'markdown', 'card', 'file'] as const

/** `wecomd send`: 1 when the daemon refuses it or, with `--wait`, when it did not arrive in time; 4 without a daemon. */
export async function send(args: readonly string[], io: CliIo): Promise<number> {
  const command = parseSend(args, io)
  if (command.exit !== undefined) return command.exit
  const { values } = command
  if (values.to === undefined) return usageError(io, 'send needs --to', usage)
  const given = contents.filter(name => values[name] !== undefined)
  if (given.length !== 1) return usageError(io, 'send needs exactly one of --text, --markdown, --card, --file', usage)
  const timeoutMs = Number(values.timeout) * 1000
  if (!(timeoutMs > 0)) return usageError(io, '--timeout must be a number of seconds', usage)
  const request = {
    to: values.to,
    ...(values.account !== undefined && { account: values.account }),
    ...(await contentOf(values, io)),
    ...(values.key !== undefined && { idempotencyKey: values.key }),
  }
  const answer = await tellDaemon('/api/send', request, Type.Object({ id: Type.String() }), values, io)
  if ('error' in answer) return refuse(answer.error, values, io)
  const { id } = answer.body
  if (!values.wait) {
    io.out(values.json ? JSON.stringify({ id }) : id)
    return exitCodes.ok
  }
  if (!values.json) io.out(id)
  return await waitFor(id, timeoutMs, values, io)
}

async function contentOf(values: Values, io: CliIo): Promise<object> {
  const { text, markdown, card, file } = values
  if (text !== undefined) return { text: await readText(text, io) }
  if (markdown !== undefined) return { markdown: await readText(markdown, io) }
  if (card !== undefined) return { card: readCard(card) }
  const bytes = read(file ?? '')
  if (bytes.length === 0) throw new WecomdError('bad_message', `${file} is empty`)
  if (bytes.length > limits.mediaBytes.file) throw new WecomdError('bad_message', `${file} is larger than 20 MiB`)
  return { media: { fileName: basename(file ?? ''), base64: bytes.toString('base64') } }
}

async function readText(given: string, io: CliIo): Promise<string> {
  if (given !== '-') return given
  const text = decode(await io.readInput(), 'standard input')
  if (text === '') throw new WecomdError('usage', 'there is nothing on standard input')
  return text
}

/** What is in another encoding would arrive as question marks. */
function decode(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new WecomdError('usage', `${what} is not UTF-8`)
  }
}

function readCard(file: string): unknown {
  try {
    const card: unknown = JSON.parse(decode(read(file), file))
    // A whole message, as the platform's documents show it, is taken for its card.
    return typeof card === 'object' && card !== null && 'template_card' in card ? card.template_card : card
  } catch (error) {
    if (error instanceof WecomdError) throw error
    throw new WecomdError('usage', `${file} is not JSON: ${messageOf(error)}`)
  }
}

function read(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new WecomdError('usage', `${file} cannot be read: ${reasonOf(error)}`)
  }
}

const pollMs = 300

async function waitFor(id: string, timeoutMs: number, values: Values, io: CliIo): Promise<number> {
  const { clock } = io.openWorld({ level: 'error', format: 'json' })
  const until = clock.now() + timeoutMs
  for (;;) {
    const report = await lookUp(`/api/deliveries/${encodeURIComponent(id)}`, deliveryReport, values, io)
    if (report === undefined) throw new WecomdError('not_found', `the daemon knows no delivery ${id} any more`)
    const isOver = report.finishedAt !== undefined
    if (isOver || clock.now() >= until) {
      if (values.json) io.out(JSON.stringify(report))
      else for (const line of [report.state, ...describeOutcome(report)]) io.out(line)
      if (!isOver) io.err(`wecomd: not delivered within ${timeoutMs / 1000} s; it is tried further`)
      return report.state === 'delivered' || report.state === 'partial' ? exitCodes.ok : exitCodes.failed
    }
    await new Promise<void>(resolve => void clock.alarm(clock.now() + pollMs, resolve))
  }
}
