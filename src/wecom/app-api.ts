import type { Outcome } from '../domain/delivery.ts'
import type { AccessToken } from '../domain/ports.ts'
import { type Caller, ruleOf } from './errcode.ts'
import { type Answer, callWecom, type Payload, type Silence, urlOf } from './http-call.ts'
import { outcomeOfRefusal, outcomeOfSilence } from './outcome.ts'
import { type AppCredentials, AppToken, type TokenDeps } from './token.ts'

export interface ApiCall {
  readonly query?: Readonly<Record<string, string>>
  readonly payload?: Payload
  /** Repeating it does no harm: no outcome is `unknown`. */
  readonly free?: boolean
  readonly limitBytes?: number
}

/** An answer with errcode 0, or what became of the call. */
export type ApiResult = { readonly answer: Answer } | Outcome

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
  async call(path: string, call: ApiCall): Promise<ApiResult> {
    const token = await this.token.get()
    if ('outcome' in token) return token
    const answer = await this.once(path, call, token)
    if (!this.refusesToken(answer)) return this.resultOf(answer, call)
    const another = await this.token.renew(token)
    if ('outcome' in another) return another
    return this.resultOf(await this.once(path, call, another), call)
  }

  private once(path: string, call: ApiCall, token: AccessToken): Promise<Answer | Silence> {
    const { line } = this.deps
    const url = urlOf(line.apiBaseUrl, path, { access_token: token.value, ...call.query })
    return callWecom(line, url, call.payload, call.limitBytes)
  }

  private refusesToken(answer: Answer | Silence): boolean {
    return answer.kind === 'answer' && ruleOf(answer.errcode, this.caller).verdict === 'refresh'
  }

  private resultOf(answer: Answer | Silence, call: ApiCall): ApiResult {
    if (answer.kind !== 'answer') return outcomeOfSilence(answer, call.free)
    return answer.errcode === 0 ? { answer } : outcomeOfRefusal(answer, this.caller, this.deps.random)
  }
}
