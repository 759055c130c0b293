import type { Callback, Feedback } from '../../domain/message.ts'
import { streamOfFeedback } from '../../core/streaming/frame.ts'
import type { BridgeContext } from '../context.ts'

/** More of them on one answer are not worth a line each. */
const tracedAtMost = 10
const contentChars = 1_000
const reasonWords = ['', 'off-topic', 'incomplete', 'wrong content', 'wrong analysis of data']

/** Counts what a user thinks of an answer, writes it into its trace, and keeps it for the agent where that is wanted. */
export async function recordFeedback(
  context: BridgeContext,
  callback: Extract<Callback, { kind: 'feedback' }>,
): Promise<void> {
  const { account, key, feedback } = callback
  const at = context.clock.now()
  if (!(await context.store.see(account, key, at))) return
  context.meter.feedback(account, feedback.verdict)
  const stream = streamOfFeedback(feedback.id)
  const turn = stream === undefined ? undefined : await context.store.findByStream(stream)
  if (turn === undefined || turn.account !== account) return
  const event = { at, kind: 'feedback', verdict: feedback.verdict, reasons: feedback.reasons.join(',') }
  await context.store.update(turn.id, stored => {
    const known = stored.trace.filter(({ kind }) => kind === 'feedback').length
    return known < tracedAtMost ? { save: [{ ...stored, trace: [...stored.trace, event] }] } : undefined
  })
  if (!context.accounts.get(account)?.tellsFeedback) return
  await context.store.keyValue.set(memoOf(turn.sessionKey), describe(feedback))
}

/** What is to be told to the agent with the next message of a session. */
export function pendingFeedback({ store }: BridgeContext, sessionKey: string): Promise<string | undefined> {
  return store.keyValue.get(memoOf(sessionKey))
}

/** It has been told. */
export async function clearFeedback({ store }: BridgeContext, sessionKey: string): Promise<void> {
  await store.keyValue.set(memoOf(sessionKey), '')
}

function describe({ verdict, reasons, content = '' }: Feedback): string {
  if (verdict === 'withdrawn') return ''
  const named = reasons.map(reason => reasonWords[reason] ?? '').filter(word => word !== '')
  const words = [`[feedback] the previous answer is ${verdict}`, ...(named.length === 0 ? [] : [named.join(', ')])]
  return [
    words.join(': '),
    ...(content === '' ? [] : [`> ${content.slice(0, contentChars).replaceAll('\n', '\n> ')}`]),
  ].join('\n')
}

function memoOf(sessionKey: string): string {
  return `feedback:${sessionKey}`
}
