import type { Clock } from '../../../world.ts'
import { type RpcAnswer, refuse } from '../frames.ts'
import type { EchoRunEnd } from './run.ts'

interface Sent {
  readonly message: string
  end?: EchoRunEnd
  /** Its answer comes, or came, under another runId. */
  joined?: 'queued' | 'over'
}

/** An ended key is remembered this long; then the same key would run again. */
const rememberMs = 300_000

/** `agent.wait` cuts the text here without saying so. */
const waitChars = 4_096

/** The idempotency keys of one boot: a map in memory, as in the real gateway. */
export class SentKeys {
  private readonly sent = new Map<string, Sent>()

  constructor(private readonly clock: Clock) {}

  add(key: string, message: string): void {
    this.sent.set(key, { message })
  }

  end(key: string, end: EchoRunEnd): void {
    const sent = this.sent.get(key)
    if (sent) sent.end = end
  }

  /** The message joined another run, or waits in the queue for one; the final of its own was empty. */
  join(key: string, joined: 'queued' | 'over'): void {
    const sent = this.sent.get(key)
    if (!sent) return
    sent.joined = joined
    sent.end = { state: 'final', text: '', files: [], endedAt: this.clock.now() }
  }

  /** The answer to a repeated `chat.send`, or undefined when the key is new. */
  repeat(key: string, message: string): RpcAnswer | undefined {
    const sent = this.sent.get(key)
    if (!sent || this.isForgotten(sent)) return undefined
    if (sent.message !== message) {
      const details = { reason: 'chat-request-conflict' }
      return refuse('INVALID_REQUEST', 'idempotencyKey was used with another message', { details })
    }
    if (!sent.end) return { ok: true, payload: { runId: key, status: 'in_flight' } }
    const { state, stopReason, endedAt, error } = sent.end
    if (state === 'error') return refuse('UNAVAILABLE', `⚠️ Agent failed before reply: ${error}`)
    if (state === 'final') return { ok: true, payload: { runId: key, status: 'ok' } }
    return { ok: true, payload: { runId: key, status: 'timeout', summary: 'aborted', stopReason, endedAt } }
  }

  /** What `agent.wait` answers at once; undefined when one has to wait. */
  waited(runId: string): object | undefined {
    const sent = this.sent.get(runId)
    if (sent?.joined === 'queued') return { runId, status: 'pending', timeoutPhase: 'queue', providerStarted: false }
    if (sent?.joined === 'over' && sent.end) return { runId, status: 'ok', endedAt: sent.end.endedAt }
    return sent?.end && describeEnd(runId, sent.end)
  }

  private isForgotten(sent: Sent): boolean {
    return sent.end !== undefined && this.clock.now() > sent.end.endedAt + rememberMs
  }
}

/** The payload of `agent.wait` for a run that ended. */
export function describeEnd(runId: string, { state, text, endedAt, error, stopReason }: EchoRunEnd): object {
  if (state === 'error') return { runId, status: 'error', endedAt, error: `⚠️ Agent failed before reply: ${error}` }
  if (state === 'aborted') return { runId, status: 'error', endedAt, error: 'aborted', stopReason }
  const terminalReply =
    text === '' ? { disposition: 'silent' } : { disposition: 'visible', text: text.slice(0, waitChars) }
  return { runId, status: 'ok', endedAt, terminalReply }
}
