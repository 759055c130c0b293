import type { Callback, Feedback } from '../../domain/message.ts'
import { tracedUpTo } from '../../domain/turn.ts'
import { streamOfFeedback } from '../../core/streaming/frame.ts'
import type { BridgeContext } from '../context.ts'

/** Further feedback on one answer is not added to its trace. */
const maxTraced = 10
const contentChars = 1_000
/** The reasons by their number in the callback (docs/protocol-wecom.md). */
const reasonWords = ['', 'off-topic', 'incomplete', 'wrong content', 'wrong analysis of data']

/**
 * Counts a user's thumbs up or down, adds it to the trace of the answer, and keeps it for the agent if `bot.feedback`
 * is `tell`.
 */
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
    const traced = tracedUpTo(maxTraced, stored, event)
    return traced && { save: [traced] }
  })
  if (!context.accounts.get(account)?.agentGetsFeedback) return
  await context.store.keyValue.set(keyOf(turn.sessionKey), formatFeedback(feedback))
}

/** The feedback that the agent gets with the next message of a session. Undefined if there is none. */
export function pendingFeedback({ store }: BridgeContext, sessionKey: string): Promise<string | undefined> {
  return store.keyValue.get(keyOf(sessionKey))
}

/** Forgets the feedback of a session, once a message with it is stored. */
export async function clearFeedback({ store }: BridgeContext, sessionKey: string): Promise<void> {
  await store.keyValue.set(keyOf(sessionKey), '')
}

function formatFeedback({ verdict, reasons, content = '' }: Feedback): string {
  if (verdict === 'withdrawn') return ''
  const reasonTexts = reasons.map(reason => reasonWords[reason] ?? '').filter(word => word !== '')
  const words = [
    `[feedback] the previous answer is ${verdict}`,
    ...(reasonTexts.length === 0 ? [] : [reasonTexts.join(', ')]),
  ]
  return [
    words.join(': '),
    ...(content === '' ? [] : [`> ${content.slice(0, contentChars).replaceAll('\n', '\n> ')}`]),
  ].join('\n')
}

function keyOf(sessionKey: string): string {
  return `feedback:${sessionKey}`
}
