import type { Random } from '../../world.ts'

/** An API answer in JSON, always with HTTP status 200. `more` are the fields in addition to errcode and errmsg. */
export interface ApiVerdict {
  readonly errcode: number
  readonly text: string
  readonly more?: Readonly<Record<string, unknown>>
}

/** An answer of bytes. `flaw` happens after half of them are sent; `slow` sends the rest in small pieces with pauses. */
export interface Served {
  readonly status: 200 | 206 | 403 | 404 | 416
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Uint8Array
  readonly flaw?: 'hang' | 'slow' | 'reset'
}

export type TenantAnswer = ApiVerdict | Served

export function accept(more: Readonly<Record<string, unknown>> = {}): ApiVerdict {
  return { errcode: 0, text: 'ok', more }
}

export function refuse(errcode: number, text: string, more: Readonly<Record<string, unknown>> = {}): ApiVerdict {
  return { errcode, text, more }
}

/** True for a JSON answer, as opposed to content. */
export function isVerdict(value: object): value is ApiVerdict {
  return 'errcode' in value
}

export const wrongJson = refuse(47_001, 'Warning: wrong json format. data format error')

/** Formats the body of an answer. Like on WeCom, errmsg ends in a random hint, the caller's address and a link. */
export function formatVerdict({ errcode, text, more }: ApiVerdict, callerIp: string, random: Random): string {
  return JSON.stringify({
    errcode,
    errmsg: errcode === 0 ? text : formatErrmsg(errcode, text, callerIp, random),
    ...more,
  })
}

function formatErrmsg(errcode: number, text: string, callerIp: string, random: Random): string {
  const hint = [...random.bytes(24)].map(byte => byte % 10).join('')
  const link = `https://open.work.weixin.qq.com/devtool/query?e=${errcode}`
  return `${text}, hint: [${hint}], from ip: ${callerIp}, more info at ${link}`
}
