import type { Random } from '../../world.ts'

/** The JSON of an answer; `more` are the fields beside errcode and errmsg. HTTP status 200 whatever the errcode is. */
export interface ApiVerdict {
  readonly errcode: number
  readonly text: string
  readonly more?: Readonly<Record<string, unknown>>
}

/** An answer of bytes. `flaw`: what happens when half of them have left; `slow` goes on after a while, piece by piece. */
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

/** True for a verdict where something else was hoped for. */
export function isVerdict(value: object): value is ApiVerdict {
  return 'errcode' in value
}

export const wrongJson = refuse(47_001, 'Warning: wrong json format. data format error')

/** The body of a verdict. Errors end in a hint, the caller's address and a link; callers must not read them. */
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
