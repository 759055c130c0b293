import { createTenant, type TenantOptions } from '../../src/playground/tenant/tenant.ts'
import { type Clock, createLog, realWorld, type World } from '../../src/world.ts'
import { encodingAESKey, token } from './callback-server.ts'

export const corpId = 'ww1234567890abcdef'
export const main = { agentId: 1_000_002, corpId, corpSecret: 'main-secret' }
export const other = { agentId: 1_000_003, corpId, corpSecret: 'other-secret' }

const real = realWorld(
  createLog(
    () => {},
    () => 0,
    { level: 'error', format: 'json' },
  ),
)

export interface Answer {
  readonly errcode: number
  readonly errmsg: string
  readonly [field: string]: unknown
}

/** The time at which a tenant's clock starts. */
export const start = 1_770_000_000_000

/** A tenant with two apps and five members, and raw HTTP access to its API. Its clock moves only by alarms and by hand. */
export async function openTenant(options: Partial<TenantOptions> = {}, doors: Partial<World> = {}) {
  let laterMs = 0
  const now = () => start + laterMs
  const alarm: Clock['alarm'] = (at, ring) =>
    real.clock.alarm(real.clock.now() + at - now(), () => {
      laterMs = Math.max(laterMs, at - start)
      ring()
    })
  const clock = { now, wall: now, alarm }
  const tenant = await createTenant(
    { ...real, clock, ...doors },
    {
      callbackUrl: 'http://127.0.0.1:9/',
      token,
      encodingAESKey,
      apps: [main, other],
      members: ['lisi', 'ZhangSan', '007zhang', 'wangwu', 'guest'],
      unlicensed: ['guest'],
      parties: { '1': ['lisi', 'ZhangSan'], '2': ['wangwu'] },
      tags: [{ tagid: 7, tagname: 'Ops', members: ['wangwu'] }],
      robots: [{ name: 'alerts', key: 'robot-key' }],
      ...options,
    },
  )
  const url = (path: string) => `${tenant.apiBaseUrl}/cgi-bin/${path}`
  const get = async (path: string) => await readAnswer(await fetch(url(path), { keepalive: false }))
  const post = async (path: string, body: object | string) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return await readAnswer(await fetch(url(path), { method: 'POST', body: text, keepalive: false }))
  }
  const accessToken = async (app: { corpSecret: string } = main) =>
    String((await get(`gettoken?corpid=${corpId}&corpsecret=${app.corpSecret}`))['access_token'])
  return {
    tenant,
    url,
    get,
    post,
    accessToken,
    passMs: (ms: number) => void (laterMs += ms),
    /** Fetches a token, then posts with it. `agentid` defaults to the main app. */
    send: async (body: object, path = 'message/send') =>
      await post(`${path}?access_token=${await accessToken()}`, { agentid: main.agentId, ...body }),
    [Symbol.dispose]: () => tenant.close(),
  }
}

async function readAnswer(response: Response): Promise<Answer> {
  if (response.status !== 200) throw new Error(`HTTP ${response.status}`)
  return (await response.json()) as Answer
}

export const text = (content: string) => ({ msgtype: 'text', text: { content } })
