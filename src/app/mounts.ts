import type { Account, Config } from '../config/config.ts'
import { callbackPaths } from '../domain/callback-path.ts'
import type { Endpoint } from '../domain/endpoint.ts'
import type { StrangeRequest } from '../http/public.ts'
import { createAppEndpoint } from '../wecom/callback/app-endpoint.ts'
import { createBotEndpoint } from '../wecom/callback/bot-endpoint.ts'
import { type CallbackKeys, type KeyRing, replaceKeys } from '../wecom/callback/keys.ts'
import type { EndpointDeps } from '../wecom/callback/endpoint.ts'
import { createLogThrottle } from '../wecom/callback/log-throttle.ts'
import type { World } from '../world.ts'

/** The callback keys by account. */
export type KeyRings = ReadonlyMap<string, { readonly bot?: KeyRing; readonly app?: KeyRing }>

type Replaced = (account: string, surface: 'bot' | 'app') => KeyRing['replaced']

/**
 * Collects the callback keys of a config. Keys that they replace stay valid for a while, so that callbacks in transit are
 * accepted. At the start `restored` are those of before it.
 */
export function ringsOf(
  { accounts }: Config,
  before: KeyRings | undefined,
  now: number,
  restored: Replaced = () => [],
): KeyRings {
  const ringOf = (id: string, surface: 'bot' | 'app', keys: CallbackKeys): KeyRing => {
    const ring = replaceKeys(keys, before?.get(id)?.[surface], now)
    return before === undefined ? { ...ring, replaced: restored(id, surface) } : ring
  }
  return new Map(
    accounts.map(({ id, bot, agent }) => {
      const [token, encodingAESKey] = [agent?.token, agent?.encodingAESKey]
      const app = token !== undefined && encodingAESKey !== undefined && { token, encodingAESKey }
      return [id, { ...(bot && { bot: ringOf(id, 'bot', bot) }), ...(app && { app: ringOf(id, 'app', app) }) }]
    }),
  )
}

/** Creates the callback endpoints of every enabled account, by path. */
export function mountsOf(config: Config, rings: KeyRings, deps: EndpointDeps): ReadonlyMap<string, Endpoint> {
  return new Map(
    config.accounts
      .filter(({ enabled }) => enabled)
      .flatMap(account => {
        const { bot, app } = rings.get(account.id) ?? {}
        return [...mountBot(config, account, bot, deps), ...mountApp(config, account, app, deps)]
      }),
  )
}

type EndpointPath = readonly [path: string, Endpoint]

function mountBot(config: Config, { id, bot }: Account, ring: KeyRing | undefined, deps: EndpointDeps): EndpointPath[] {
  if (bot === undefined || ring === undefined) return []
  const { receiveId, aibotid, names } = bot
  const endpoint = createBotEndpoint(
    {
      id,
      ...ring,
      receiveId,
      ...(aibotid !== undefined && { aibotid }),
      ...(names.length > 0 && { botNames: names }),
    },
    deps,
  )
  return callbackPaths('bot', id, id === config.defaultAccount).map(path => [path, endpoint])
}

/** An app without callback keys gets no endpoint. It can still send. */
function mountApp(
  config: Config,
  { id, agent }: Account,
  ring: KeyRing | undefined,
  deps: EndpointDeps,
): EndpointPath[] {
  if (agent === undefined || ring === undefined) return []
  const { corpId, agentId } = agent
  const endpoint = createAppEndpoint({ id, ...ring, corpId, agentId }, deps)
  return callbackPaths('app', id, id === config.defaultAccount).map(path => [path, endpoint])
}

const strangers = {
  404: {
    msg: 'request refused: no account has this callback URL',
    hint: 'compare the URL in the admin console with the paths that wecomd status shows; strangers ask, too',
  },
  413: {
    msg: 'request refused: the body is larger than 1 MiB',
    hint: 'no callback of WeCom is that large; strangers ask, too',
  },
  405: { msg: 'request refused: callbacks are GET or POST', hint: 'a proxy must pass the method on unchanged' },
} as const

/** Logs requests that no account answers: one of each kind a minute, because anyone on the internet can send them. */
export function createStrangerLog({ log, clock }: Pick<World, 'log' | 'clock'>): (request: StrangeRequest) => void {
  const throttle = createLogThrottle(log.area('http'), clock)
  return ({ status, path }) => {
    const { msg, hint } = strangers[status]
    throttle.perMinute({ topic: String(status), msg, fields: { path: path.slice(0, 100), hint } })
  }
}
