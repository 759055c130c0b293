import { createHash } from 'node:crypto'
import type { Outcome } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import type { AccessToken, Tokens } from '../../domain/ports.ts'
import { messageOf } from '../../errors.ts'
import type { Clock, Log, Random } from '../../world.ts'
import { type ApiReply, callWecom, type HttpDeps, urlOf } from './http.ts'
import { outcomeOfRefusal, outcomeOfNoReply } from './outcome.ts'

/** One self-built app of one account. */
export interface AppCredentials {
  readonly account: string
  readonly corpId: string
  readonly corpSecret: string
  readonly agentId: number
}

export interface TokenDeps {
  /** HTTP settings, with the API's base URL. */
  readonly http: HttpDeps & { readonly apiBaseUrl: string }
  readonly tokens: Tokens
  readonly clock: Pick<Clock, 'now'>
  readonly random: Pick<Random, 'fraction'>
  readonly log: Log
  onRefresh(account: string): void
}

/** When renewing fails but the old token is still valid, use it for this long before the next attempt. */
const renewRetryMs = 30_000

/**
 * The access token of one app (page 91039). It is stored across restarts and renewed before it expires. Concurrent
 * callers share one gettoken. While a token is valid, gettoken returns the same one, so other processes that use this
 * app are not disturbed.
 */
export class AppToken {
  private readonly app: AppCredentials
  private readonly deps: TokenDeps
  private readonly key: string
  private current: AccessToken | undefined
  /** `current` is used without a renewal until this time. */
  private freshUntil = 0
  /** The token WeCom rejected, compared by identity: gettoken may return the same value, which deserves one more try. */
  private rejected: AccessToken | undefined
  private pending: Promise<AccessToken | Outcome> | undefined
  /** Set when WeCom asked us to wait before the next gettoken. */
  private cooldown: { readonly until: number; readonly outcome: Outcome } | undefined

  constructor(app: AppCredentials, deps: TokenDeps) {
    this.app = app
    this.deps = deps
    this.key = createHash('sha256').update([app.corpId, app.agentId, app.corpSecret].join('\0')).digest('hex')
  }

  /** When the current token expires, in epoch milliseconds; undefined before the first use. */
  expiresAt(): number | undefined {
    return this.current?.expiresAt
  }

  /** Returns a valid token, or the outcome for the caller: `retry`, with `hold` when only the operator can help. */
  async get(): Promise<AccessToken | Outcome> {
    return this.fresh() ?? (await this.obtainOnce())
  }

  /** Returns another token after WeCom rejected one. If it was already replaced meanwhile, returns the new one. */
  async renew(rejected: AccessToken): Promise<AccessToken | Outcome> {
    if (this.current === rejected) this.rejected = rejected
    return await this.get()
  }

  private obtainOnce(): Promise<AccessToken | Outcome> {
    this.pending ??= this.obtain().finally(() => {
      this.pending = undefined
    })
    return this.pending
  }

  private async obtain(): Promise<AccessToken | Outcome> {
    const { clock } = this.deps
    await this.loadStored()
    const known = this.fresh()
    if (known !== undefined) return known
    if (this.cooldown !== undefined && clock.now() < this.cooldown.until) return this.cooldown.outcome
    const asked = await this.request()
    if (!('outcome' in asked)) return asked
    const { retryAfterMs, hold } = asked
    this.cooldown = retryAfterMs === undefined ? undefined : { until: clock.now() + retryAfterMs, outcome: asked }
    const old = hold === true ? undefined : this.usable()
    if (old === undefined) return asked
    this.freshUntil = Math.min(clock.now() + renewRetryMs, old.expiresAt)
    return old
  }

  private fresh(): AccessToken | undefined {
    return this.deps.clock.now() < this.freshUntil ? this.usable() : undefined
  }

  private usable(): AccessToken | undefined {
    const { current, rejected } = this
    const isUsable = current !== undefined && current !== rejected && this.deps.clock.now() < current.expiresAt
    return isUsable ? current : undefined
  }

  /** Loads a newer token from the store, saved before a restart. */
  private async loadStored(): Promise<void> {
    const { tokens, log } = this.deps
    try {
      const stored = await tokens.load(this.key)
      if (stored === undefined || stored.value === this.current?.value) return
      if (stored.expiresAt > (this.current?.expiresAt ?? 0)) this.use(stored, limits.tokenMarginMs)
    } catch (error) {
      log.warn('failed to load the stored access token', { account: this.app.account, error: messageOf(error) })
    }
  }

  private use(token: AccessToken, marginMs: number): void {
    this.current = token
    this.freshUntil = token.expiresAt - marginMs
  }

  private async request(): Promise<AccessToken | Outcome> {
    const { http, random, log } = this.deps
    const { account, corpId, corpSecret, agentId } = this.app
    const answer = await callWecom(http, urlOf(http.apiBaseUrl, 'gettoken', { corpid: corpId, corpsecret: corpSecret }))
    if (answer.kind !== 'answer') return outcomeOfNoReply(answer, true)
    if (answer.errcode !== 0) {
      log.warn('WeCom refused to issue an access token', { account, errcode: answer.errcode })
      return outcomeOfRefusal(answer, { isGettoken: true, agentId }, random)
    }
    return await this.accept(answer)
  }

  private async accept({ fields }: ApiReply): Promise<AccessToken | Outcome> {
    const { tokens, clock, log, onRefresh } = this.deps
    const { access_token: value, expires_in: seconds } = fields
    if (typeof value !== 'string' || value === '') {
      return { outcome: 'retry', errmsg: 'gettoken returned no access_token' }
    }
    const lifeMs = lifeMsOf(seconds)
    const token = { value, expiresAt: clock.now() + lifeMs }
    // The same token may be returned with only the rest of its lifetime. Then half of that is the margin.
    this.use(token, Math.min(limits.tokenMarginMs, lifeMs / 2))
    onRefresh(this.app.account)
    try {
      await tokens.save(this.key, token)
    } catch (error) {
      log.warn('failed to store an access token', { account: this.app.account, error: messageOf(error) })
    }
    return token
  }
}

/** How long WeCom's tokens are valid when it does not say so. One that it takes back earlier is renewed at its refusal. */
const usualLifeMs = 7_200_000

function lifeMsOf(seconds: unknown): number {
  const life = typeof seconds === 'number' || typeof seconds === 'string' ? Number(seconds) : 0
  return life > 0 && Number.isFinite(life) ? life * 1_000 : usualLifeMs
}
