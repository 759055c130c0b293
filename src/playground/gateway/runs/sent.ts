import type { Clock } from '../../../world.ts'
import { type RpcAnswer, refuse } from '../frames.ts'
import type { EchoRunEnd } from './run.ts'

interface Sent {
  readonly message: string
  end?: EchoRunEnd
  /** Set if another run answers the message: `queued` before that run starts, then `over`. */
  joined?: 'queued' | 'over'
}

/** How long an ended key is remembered. After that, the same key would run again. */
const rememberMs = 300_000

/** `agent.wait` silently truncates the text to this length. */
const waitChars = 4_096

/** The idempotency keys of one boot, in memory like in OpenClaw. */
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

  /** Records that another run answers the message, so its own final is empty. */
  join(key: string, joined: 'queued' | 'over'): void {
    const sent = this.sent.get(key)
    if (!sent) return
    sent.joined = joined
    sent.end = { state: 'final', text: '', files: [], endedAt: this.clock.now() }
  }

  /** The answer to a repeated `chat.send`; undefined if the key is new. */
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

  /** The immediate answer of `agent.wait`; undefined if the run has not ended. */
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

/** The payload of `agent.wait` for an ended run. */
export function describeEnd(runId: string, { state, text, endedAt, error, stopReason }: EchoRunEnd): object {
  if (state === 'error') return { runId, status: 'error', endedAt, error: `⚠️ Agent failed before reply: ${error}` }
  if (state === 'aborted') return { runId, status: 'error', endedAt, error: 'aborted', stopReason }
  const terminalReply =
    text === '' ? { disposition: 'silent' } : { disposition: 'visible', text: text.slice(0, waitChars) }
  return { runId, status: 'ok', endedAt, terminalReply }
}
