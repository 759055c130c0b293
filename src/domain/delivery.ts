/** By which way something travels. `gateway` asks the agent; the others go to WeCom. */
export type Route = 'gateway' | 'response_url'

export type DeliveryState = 'queued' | 'sending' | 'held' | 'delivered' | 'partial' | 'refused' | 'unknown' | 'dropped'

export type AttemptOutcome = 'delivered' | 'refused' | 'unknown' | 'retry'

/** One try. `at` is committed before the request leaves; a try without outcome was cut off by a crash. */
export interface Attempt {
  readonly at: number
  readonly route: Route
  readonly outcome?: AttemptOutcome
  readonly errcode?: number
  readonly errmsg?: string
  readonly hint?: string
}

export type DeliveryBody =
  | { readonly kind: 'ask' }
  /** Markdown for a response_url; frozen, since a second body must never go there. */
  | { readonly kind: 'markdown'; readonly url: string; readonly content: string }
  /** What no way could carry; kept for the operator. */
  | { readonly kind: 'remainder'; readonly content: string }

/** Something that must be sent. Ids are derived (`<turn>:<route>[:part]`), so that adding one twice is a no-op. */
export interface Delivery {
  readonly id: string
  readonly turn: string
  readonly account: string
  readonly route: Route
  readonly state: DeliveryState
  /** No way is left; an operator decides. */
  readonly dead: boolean
  readonly body: DeliveryBody
  /** Deliveries of one lane go one at a time, lowest order first. */
  readonly lane: string
  readonly order: number
  readonly dueAt: number
  readonly expiresAt: number
  readonly attempts: readonly Attempt[]
  readonly createdAt: number
  readonly finishedAt?: number
}

/** How an attempt of a delivery ended, as the platform adapter reports it. */
export interface Outcome {
  readonly outcome: AttemptOutcome
  readonly errcode?: number
  readonly errmsg?: string
  readonly hint?: string
  readonly retryAfterMs?: number
}

export function isDone(state: DeliveryState): boolean {
  return state !== 'queued' && state !== 'sending' && state !== 'held'
}
