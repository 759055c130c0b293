import type { Outcome } from '../../domain/delivery.ts'
import type { AccessToken } from '../../domain/ports.ts'
import { type Caller, ruleOf } from './errcode.ts'
import type { Body } from './http-body.ts'
import { type ApiReply, callWecom, type Payload, type NoReply, urlOf } from './http.ts'
import { outcomeOfRefusal, outcomeOfNoReply } from './outcome.ts'
import { type AppCredentials, AppToken, type TokenDeps } from './token.ts'

/** One call: its query without the token, and its payload. `limitBytes` is the largest answer to read. */
export interface ApiCall {
  readonly query?: Readonly<Record<string, string>>
  readonly payload?: Payload
  /** The call can be repeated safely, so a missing answer means `retry` and never `unknown`. */
  readonly isRepeatable?: boolean
  readonly limitBytes?: number
}

/** The answer of a successful call (errcode 0), or the outcome of a failed one. */
export type ApiResult = { readonly answer: ApiReply } | Outcome

/** Calls the WeCom API on behalf of one app. Nothing here rejects. */
export class AppApi {
  readonly token: AppToken
  private readonly caller: Caller
  private readonly deps: TokenDeps

  constructor(app: AppCredentials, deps: TokenDeps) {
    this.token = new AppToken(app, deps)
    this.caller = { agentId: app.agentId }
    this.deps = deps
  }

  /** Calls a `path` such as `message/send`. If WeCom rejects the token, it is renewed once and the call is repeated. */
  async call(path: string, { query = {}, payload, isRepeatable, limitBytes }: ApiCall): Promise<ApiResult> {
    const send = (url: string) => callWecom(this.deps.http, url, payload, limitBytes)
    const reply = await this.withToken(path, query, send)
    if ('outcome' in reply) return reply
    return reply.kind === 'answer' && reply.errcode === 0 ? { answer: reply } : this.outcomeOf(reply, isRepeatable)
  }

  /** A GET that returns bytes. `open` is called with the URL, and again with a new token if WeCom rejects the first. */
  async open(
    path: string,
    query: ApiCall['query'],
    open: (url: string) => Promise<Body | ApiReply | NoReply>,
  ): Promise<Body | Outcome> {
    const reply = await this.withToken(path, query, open)
    return 'outcome' in reply || reply.kind === 'body' ? reply : this.outcomeOf(reply, true)
  }

  private async withToken<Reply extends Body | ApiReply | NoReply>(
    path: string,
    query: ApiCall['query'],
    send: (url: string) => Promise<Reply>,
  ): Promise<Reply | Outcome> {
    const urlWith = (token: AccessToken) =>
      urlOf(this.deps.http.apiBaseUrl, path, { access_token: token.value, ...query })
    const token = await this.token.get()
    if ('outcome' in token) return token
    const reply = await send(urlWith(token))
    if (!this.refusesToken(reply)) return reply
    const renewed = await this.token.renew(token)
    return 'outcome' in renewed ? renewed : await send(urlWith(renewed))
  }

  private refusesToken(reply: Body | ApiReply | NoReply): boolean {
    return reply.kind === 'answer' && ruleOf(reply.errcode, this.caller).verdict === 'refresh'
  }

  private outcomeOf(reply: ApiReply | NoReply, isRepeatable?: boolean): Outcome {
    return reply.kind === 'answer'
      ? outcomeOfRefusal(reply, this.caller, this.deps.random)
      : outcomeOfNoReply(reply, isRepeatable)
  }
}
