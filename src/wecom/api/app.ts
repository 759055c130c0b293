import type { Outcome } from '../../domain/delivery.ts'
import type { AccessToken } from '../../domain/ports.ts'
import { type Caller, ruleOf } from './errcode.ts'
import type { Body } from './http-body.ts'
import { type ApiReply, callWecom, type Payload, type NoReply, urlOf } from './http.ts'
import { outcomeOfRefusal, outcomeOfNoReply } from './outcome.ts'
import { type AppCredentials, AppToken, type TokenDeps } from './token.ts'

export interface ApiCall {
  readonly query?: Readonly<Record<string, string>>
  readonly payload?: Payload
  /** Repeating it does no harm: no outcome is `unknown`. */
  readonly free?: boolean
  readonly limitBytes?: number
}

/** An answer with errcode 0, or what became of the call. */
export type ApiResult = { readonly answer: ApiReply } | Outcome

/** Calls to WeCom in the name of one app. Nothing here rejects. */
export class AppApi {
  readonly token: AppToken
  private readonly caller: Caller
  private readonly deps: TokenDeps

  constructor(app: AppCredentials, deps: TokenDeps) {
    this.token = new AppToken(app, deps)
    this.caller = { agentId: app.agentId }
    this.deps = deps
  }

  /** `path` is such as `message/send`. A token that WeCom refuses is replaced once, and the same bytes go once more. */
  async call(path: string, { query = {}, payload, free, limitBytes }: ApiCall): Promise<ApiResult> {
    const ask = (url: string) => callWecom(this.deps.line, url, payload, limitBytes)
    const heard = await this.ask(path, query, ask)
    if ('outcome' in heard) return heard
    return heard.kind === 'answer' && heard.errcode === 0 ? { answer: heard } : this.outcomeOf(heard, free)
  }

  /** A GET whose success is bytes. `open` gets the URL, and another one when WeCom refuses the token. */
  async open(
    path: string,
    query: ApiCall['query'],
    open: (url: string) => Promise<Body | ApiReply | NoReply>,
  ): Promise<Body | Outcome> {
    const heard = await this.ask(path, query, open)
    return 'outcome' in heard || heard.kind === 'body' ? heard : this.outcomeOf(heard, true)
  }

  private async ask<Heard extends Body | ApiReply | NoReply>(
    path: string,
    query: ApiCall['query'],
    ask: (url: string) => Promise<Heard>,
  ): Promise<Heard | Outcome> {
    const urlWith = (token: AccessToken) =>
      urlOf(this.deps.line.apiBaseUrl, path, { access_token: token.value, ...query })
    const token = await this.token.get()
    if ('outcome' in token) return token
    const heard = await ask(urlWith(token))
    if (!this.refusesToken(heard)) return heard
    const another = await this.token.renew(token)
    return 'outcome' in another ? another : await ask(urlWith(another))
  }

  private refusesToken(heard: Body | ApiReply | NoReply): boolean {
    return heard.kind === 'answer' && ruleOf(heard.errcode, this.caller).verdict === 'refresh'
  }

  private outcomeOf(heard: ApiReply | NoReply, free?: boolean): Outcome {
    return heard.kind === 'answer'
      ? outcomeOfRefusal(heard, this.caller, this.deps.random)
      : outcomeOfNoReply(heard, free)
  }
}
