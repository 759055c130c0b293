import type { Clock, Random } from '../../../world.ts'
import { parseObject } from '../../../domain/json.ts'
import { type TenantAnswer, accept, refuse, type ApiVerdict, wrongJson } from '../answer.ts'
import type { TenantApiCall, Handler, TenantApi } from './api.ts'
import type { TenantApp } from './corp.ts'

interface Issued {
  readonly value: string
  readonly app: TenantApp
  readonly expiresAt: number
  end?: 'expired' | 'revoked'
}

const lifeMs = 7_200_000

/** gettoken, and the check of every access_token. Each app has one token, and gets the same one while it is valid. */
export class AppTokens {
  /** While true, gettoken answers 45009. */
  isThrottled = false
  private readonly issued: Issued[] = []
  private readonly calls: number[] = []

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly apps: readonly TenantApp[],
    private readonly api: TenantApi,
  ) {
    api.route('GET', '/cgi-bin/gettoken', ({ query }) => ({
      answer: this.get(query.get('corpid') ?? '', query.get('corpsecret') ?? ''),
    }))
  }

  /** The number of gettoken calls with the secret of this app, or of any app. */
  gets(agentId?: number): number {
    return this.calls.filter(called => agentId === undefined || called === agentId).length
  }

  /** Expires the tokens of an app, or of all apps: their use is answered with 42001. */
  expire(agentId?: number): void {
    this.end('expired', agentId)
  }

  /** Revokes them: their use is answered with 40014. */
  revoke(agentId?: number): void {
    this.end('revoked', agentId)
  }

  /** Wraps a handler so that it is called only with a valid token and from a trusted address. */
  guard(handle: (call: TenantApiCall, app: TenantApp) => TenantAnswer): Handler {
    return call => {
      const token = this.issued.find(({ value }) => value === call.query.get('access_token'))
      const refusal = this.check(token, call)
      if (refusal || !token) return { answer: refusal ?? refuse(40_014, 'invalid access_token') }
      return { answer: handle(call, token.app), agentId: token.app.agentId }
    }
  }

  private check(token: Issued | undefined, { query, callerIp }: TenantApiCall): ApiVerdict | undefined {
    if (!query.get('access_token')) return refuse(41_001, 'access_token missing')
    if (token?.end === 'revoked') return refuse(40_014, 'invalid access_token')
    if (token && !this.isValid(token)) return refuse(42_001, 'access_token expired')
    if (token && !this.api.isTrusted(callerIp)) return refuse(60_020, 'not allow to access from your ip')
    return undefined
  }

  private get(corpid: string, secret: string): ApiVerdict {
    const app = this.apps.find(one => one.corpId === corpid && one.corpSecret === secret)
    if (app) this.calls.push(app.agentId)
    if (this.isThrottled) return refuse(45_009, 'reach max api frequence limit')
    if (corpid === '') return refuse(41_002, 'corpid missing')
    if (secret === '') return refuse(41_004, 'corpsecret missing')
    if (!this.apps.some(one => one.corpId === corpid)) return refuse(40_013, 'invalid corpid')
    if (!app) return refuse(40_001, 'invalid credential')
    const token = this.issued.find(one => one.app === app && this.isValid(one)) ?? this.issue(app)
    const expires_in = Math.floor((token.expiresAt - this.clock.now()) / 1_000)
    return accept({ access_token: token.value, expires_in })
  }

  private issue(app: TenantApp): Issued {
    const value = Buffer.from(this.random.bytes(60)).toString('base64url')
    const token = { value, app, expiresAt: this.clock.now() + lifeMs }
    this.issued.push(token)
    return token
  }

  private isValid({ end, expiresAt }: Issued): boolean {
    return end === undefined && this.clock.now() < expiresAt
  }

  private end(end: 'expired' | 'revoked', agentId: number | undefined): void {
    for (const token of this.issued) if (agentId === undefined || token.app.agentId === agentId) token.end = end
  }
}

/** A handler that is called only with a JSON object as the body. */
export function parsed(handle: (body: Readonly<Record<string, unknown>>, app: TenantApp) => TenantAnswer) {
  return ({ body }: TenantApiCall, app: TenantApp): TenantAnswer => {
    const object = parseObject(body.toString())
    return object ? handle(object, app) : wrongJson
  }
}
