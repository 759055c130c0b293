// The whole package also loads process metrics and a push client: 9 ms of the start and 12 MB.
import Counter from 'prom-client/lib/counter.js'
import Gauge from 'prom-client/lib/gauge.js'
import Histogram from 'prom-client/lib/histogram.js'
import Registry from 'prom-client/lib/registry.js'
import { hourMs } from '../domain/duration.ts'
import type { Refusal } from '../domain/endpoint.ts'

/** The activity on an account's callback URL since the start. Times are epoch ms. */
export interface SurfaceActivity {
  lastCallbackAt?: number
  lastSignatureFailureAt?: number
  /** When WeCom last verified the URL. */
  verifiedAt?: number
  /** The last refused request, until a callback of this surface is accepted. */
  lastRefused?: Refusal & { readonly at: number }
  readonly counts: Record<string, number>
}

/** A refused callback. `kind` is not kept. */
type RefusedEvent = Refusal & {
  readonly kind?: string
  readonly account: string
  readonly surface: string
  readonly at: number
}

/** Values that are read only when metrics are requested. */
export interface Gauges {
  readonly turns: Readonly<Record<string, number>>
  readonly outbox: Readonly<Record<string, number>>
  readonly dead: number
  /** Whether each link to the gateway is up. */
  readonly links: Readonly<Record<string, boolean>>
}

/** Failures that are counted at most. More of them in an hour would say nothing new. */
export const maxFailures = 1_000
const secondsBuckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5]
const answerBuckets = [0.5, 1, 2, 5, 10, 30, 60, 120, 330, 600, 1800, 3600]

/** The metrics of `/metrics` and the callback counts of `/api/status`. No label contains a user id. */
export class Metrics {
  private readonly registry = new Registry()
  private readonly surfaces = new Map<string, SurfaceActivity>()
  /** Of the last hour, oldest first. */
  private failed: { readonly at: number; readonly cause: string }[] = []
  private readonly metrics

  constructor() {
    const registers = [this.registry]
    const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
      new Counter({ name, help, labelNames: [...labelNames], registers })
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name, help, buckets, registers })
    const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
      new Gauge({ name, help, labelNames: [...labelNames], registers })
    this.metrics = {
      callbacks: counter('wecomd_callbacks_total', 'Callbacks by account, surface, kind and result', [
        'account',
        'surface',
        'kind',
        'result',
      ]),
      callbackSeconds: histogram('wecomd_callback_seconds', 'Time to answer a callback', secondsBuckets),
      signatureFailures: counter('wecomd_signature_failures_total', 'Callbacks with a wrong signature', ['account']),
      turnEnds: counter('wecomd_turn_ends_total', 'Finished turns by how they ended', ['end']),
      firstText: histogram('wecomd_first_text_seconds', 'Time from the message to the first text', answerBuckets),
      answer: histogram('wecomd_answer_seconds', 'Time from the message to the end of the run', answerBuckets),
      attempts: counter('wecomd_attempts_total', 'Delivery attempts', ['route', 'outcome']),
      turns: gauge('wecomd_turns', 'Turns by state', ['state']),
      outbox: gauge('wecomd_outbox', 'Unfinished deliveries to WeCom by state', ['state']),
      dead: gauge('wecomd_dead_letters', 'Deliveries that failed for good', []),
      tokens: counter('wecomd_tokens_refreshed_total', 'Access tokens fetched from WeCom', ['account']),
      feedback: counter('wecomd_feedback_total', 'User feedback on answers', ['account', 'verdict']),
      gateway: gauge('wecomd_gateway_up', 'Whether a link to the gateway is up', ['link']),
    }
  }

  callback(event: {
    account: string
    surface: string
    type: string
    result: string
    at: number
    tookMs: number
  }): void {
    const { account, surface, type, result, at, tookMs } = event
    this.metrics.callbacks.inc({ account, surface, kind: type, result })
    this.metrics.callbackSeconds.observe(tookMs / 1000)
    const activity = this.surface(account, surface)
    if (result === 'ok') {
      activity.lastCallbackAt = at
      delete activity.lastRefused
      if (type === 'echo') activity.verifiedAt = at
    }
    activity.counts[type] = (activity.counts[type] ?? 0) + 1
  }

  refused(event: RefusedEvent): void {
    const { kind: _, account, surface, ...refused } = event
    const activity = this.surface(account, surface)
    activity.lastRefused = refused
    if (refused.cause !== 'signature') return
    this.metrics.signatureFailures.inc({ account })
    activity.lastSignatureFailureAt = refused.at
  }

  turnEnded(end: string): void {
    this.metrics.turnEnds.inc({ end })
  }

  /** Takes over what was counted before a restart. */
  restore(failed: readonly { readonly at: number; readonly cause: string }[]): void {
    this.failed = [...failed, ...this.failed].slice(-maxFailures)
  }

  turnFailed(cause: string, at: number): void {
    this.failed = [...this.failed.filter(one => one.at > at - hourMs), { at, cause }].slice(-maxFailures)
  }

  /** The failures of the hour before `now` by cause, the most frequent first. */
  failures(now: number): readonly { readonly cause: string; readonly count: number }[] {
    const counts = new Map<string, number>()
    for (const { at, cause } of this.failed) if (at > now - hourMs) counts.set(cause, (counts.get(cause) ?? 0) + 1)
    return Array.from(counts, ([cause, count]) => ({ cause, count })).toSorted((a, b) => b.count - a.count)
  }

  firstText(ms: number): void {
    this.metrics.firstText.observe(ms / 1000)
  }

  answered(ms: number): void {
    this.metrics.answer.observe(ms / 1000)
  }

  attempt(route: string, outcome: string): void {
    this.metrics.attempts.inc({ route, outcome })
  }

  tokenRefreshed(account: string): void {
    this.metrics.tokens.inc({ account })
  }

  feedback(account: string, verdict: string): void {
    this.metrics.feedback.inc({ account, verdict })
  }

  surface(account: string, surface: string): SurfaceActivity {
    const key = `${surface}:${account}`
    const known = this.surfaces.get(key) ?? { counts: {} }
    this.surfaces.set(key, known)
    return known
  }

  /** Renders all metrics in the Prometheus text format. */
  async render(gauges: Gauges): Promise<string> {
    for (const [state, count] of Object.entries(gauges.turns)) this.metrics.turns.set({ state }, count)
    for (const [state, count] of Object.entries(gauges.outbox)) this.metrics.outbox.set({ state }, count)
    this.metrics.dead.set(gauges.dead)
    for (const [link, isUp] of Object.entries(gauges.links)) this.metrics.gateway.set({ link }, isUp ? 1 : 0)
    return this.registry.metrics()
  }
}
