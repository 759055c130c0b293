import type { Desk } from '../bridge/desk.ts'
import { createReceive } from '../bridge/receive.ts'
import type { Work } from '../bridge/work.ts'
import type { Account, Config } from '../config/config.ts'
import type { Observations } from '../http/observations.ts'
import type { Mount } from '../http/public.ts'
import { appPaths, botPaths } from '../status.ts'
import { createAppEndpoint } from '../wecom/app-endpoint.ts'
import { createBotEndpoint } from '../wecom/bot-endpoint.ts'
import type { EndpointDeps } from '../wecom/endpoint.ts'
import type { World } from '../world.ts'

/** The callback URLs of every account that is switched on. */
export function mountsOf(config: Config, desk: Desk, work: Work, observations: Observations, world: World): Mount[] {
  const deps: EndpointDeps = {
    receive: createReceive(desk, work),
    clock: world.clock,
    random: world.random,
    log: world.log.area('wecom'),
    observe: event => (event.kind === 'callback' ? observations.callback(event) : observations.signatureFailure(event)),
  }
  return config.accounts.flatMap(account =>
    account.enabled ? [...mountBot(config, account, deps), ...mountApp(config, account, deps)] : [],
  )
}

function mountBot(config: Config, { id, bot }: Account, deps: EndpointDeps): Mount[] {
  if (bot === undefined) return []
  const { token, encodingAESKey, receiveId, aibotid, names } = bot
  const endpoint = createBotEndpoint(
    {
      id,
      token,
      encodingAESKey,
      receiveId,
      ...(aibotid !== undefined && { aibotid }),
      ...(names.length > 0 && { botNames: names }),
    },
    deps,
  )
  return [{ paths: botPaths(config, id), handle: request => endpoint.handle(request) }]
}

/** An app without the keys of its callback settings can send all the same. */
function mountApp(config: Config, { id, agent }: Account, deps: EndpointDeps): Mount[] {
  if (agent?.token === undefined || agent.encodingAESKey === undefined) return []
  const { token, encodingAESKey, corpId, agentId } = agent
  const endpoint = createAppEndpoint({ id, token, encodingAESKey, corpId, agentId }, deps)
  return [{ paths: appPaths(config, id), handle: request => endpoint.handle(request) }]
}
