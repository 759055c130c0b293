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
  /** With the API's base URL. */
  readonly line: HttpDeps & { readonly apiBaseUrl: string }
  readonly tokens: Tokens
  readonly clock: Pick<Clock, 'now'>
  readonly random: Pick<Random, 'fraction'>
  readonly log: Log
  onRefresh(account: string): void
}

/** How long a token that is near its end serves before the next attempt to get another. */
const nearEndMs = 30_000

/**
 * The access token of one app (page 91039): kept over restarts, renewed before its end, one gettoken for everybody who
 * waits. Asking gives the same token while it is valid, so other processes with this app are not disturbed.
 */
export class AppToken {
  private readonly app: AppCredentials
  private readonly deps: TokenDeps
  private readonly key: string
  private current: AccessToken | undefined
  /** Until when `current` is handed out without asking for another. */
  private freshUntil = 0
  /** One that WeCom did not take; another object with the same value may be a second try. */
  private rejected: AccessToken | undefined
  private flight: Promise<AccessToken | Outcome> | undefined
  /** WeCom wants to be left alone. */
  private pause: { readonly until: number; readonly outcome: Outcome } | undefined

  constructor(app: AppCredentials, deps: TokenDeps) {
    this.app = app
    this.deps = deps
    this.key = createHash('sha256').update([app.corpId, app.agentId, app.corpSecret].join('\0')).digest('hex')
  }

  /** When the token that we have expires; undefined before the first use. */
  expiresAt(): number | undefined {
    return this.current?.expiresAt
  }

  /** A token, or why there is none: `retry`, held when only the operator can help. */
  async get(): Promise<AccessToken | Outcome> {
    return this.fresh() ?? (await this.fly())
  }

  /** Another token after WeCom refused `bad`. Whoever comes late with a token that was replaced gets the new one. */
  async renew(bad: AccessToken): Promise<AccessToken | Outcome> {
    if (this.current === bad) this.rejected = bad
    return await this.get()
  }

  private fly(): Promise<AccessToken | Outcome> {
    this.flight ??= this.obtain().finally(() => {
      this.flight = undefined
    })
    return this.flight
  }

  private async obtain(): Promise<AccessToken | Outcome> {
    const { clock } = this.deps
    await this.recall()
    const known = this.fresh()
    if (known !== undefined) return known
    if (this.pause !== undefined && clock.now() < this.pause.until) return this.pause.outcome
    const asked = await this.ask()
    if (!('outcome' in asked)) return asked
    const { retryAfterMs, hold } = asked
    this.pause = retryAfterMs === undefined ? undefined : { until: clock.now() + retryAfterMs, outcome: asked }
    const old = hold === true ? undefined : this.usable()
    if (old === undefined) return asked
    this.freshUntil = Math.min(clock.now() + nearEndMs, old.expiresAt)
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

  /** Takes over what this process, before a restart, or another one has stored. */
  private async recall(): Promise<void> {
    const { tokens, log } = this.deps
    try {
      const stored = await tokens.load(this.key)
      if (stored === undefined || stored.value === this.current?.value) return
      if (stored.expiresAt > (this.current?.expiresAt ?? 0)) this.adopt(stored, limits.tokenMarginMs)
    } catch (error) {
      log.warn('the stored token cannot be read', { account: this.app.account, error: messageOf(error) })
    }
  }

  private adopt(token: AccessToken, marginMs: number): void {
    this.current = token
    this.freshUntil = token.expiresAt - marginMs
  }

  private async ask(): Promise<AccessToken | Outcome> {
    const { line, random, log } = this.deps
    const { account, corpId, corpSecret, agentId } = this.app
    const answer = await callWecom(line, urlOf(line.apiBaseUrl, 'gettoken', { corpid: corpId, corpsecret: corpSecret }))
    if (answer.kind !== 'answer') return outcomeOfNoReply(answer, true)
    if (answer.errcode !== 0) {
      log.warn('WeCom gives no token', { account, errcode: answer.errcode })
      return outcomeOfRefusal(answer, { isGettoken: true, agentId }, random)
    }
    return await this.take(answer)
  }

  private async take({ fields }: ApiReply): Promise<AccessToken | Outcome> {
    const { tokens, clock, log, onRefresh } = this.deps
    const { access_token: value, expires_in: seconds } = fields
    if (typeof value !== 'string' || value === '' || typeof seconds !== 'number' || !(seconds > 0)) {
      return { outcome: 'retry', errmsg: 'an answer to gettoken without a token' }
    }
    const lifeMs = seconds * 1_000
    const token = { value, expiresAt: clock.now() + lifeMs }
    // The same token may come with what is left of its life: half of that is margin enough.
    this.adopt(token, Math.min(limits.tokenMarginMs, lifeMs / 2))
    onRefresh(this.app.account)
    try {
      await tokens.save(this.key, token)
    } catch (error) {
      log.warn('a token cannot be stored', { account: this.app.account, error: messageOf(error) })
    }
    return token
  }
}
