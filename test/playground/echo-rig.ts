import { createEchoGateway, type EchoGateway, type EchoOptions } from '../../src/playground/gateway/echo-gateway.ts'
import { createLog, realWorld } from '../../src/world.ts'
import { GatewayClient } from './gateway-client.ts'

export const token = 'test-token-0123456789abcdef'
const world = realWorld(
  createLog(
    () => {},
    () => 0,
    { level: 'error', format: 'json' },
  ),
)
export const session = 'agent:main:wecom:default:direct:ZhangSan'
const open: { close(): unknown }[] = []

/** Closes everything that the test has opened. Call it in `afterEach`. */
export async function closeAll(): Promise<void> {
  for (const one of open.splice(0)) await one.close()
}

export function gatewayWith(options: Partial<EchoOptions> = {}): EchoGateway {
  const gateway = createEchoGateway(world, { token, ...options })
  open.push(gateway)
  return gateway
}

export function clientOf(gateway: EchoGateway, headers?: Record<string, string>): GatewayClient {
  const client = new GatewayClient(gateway.url, headers)
  open.push(client)
  return client
}

export async function linked(options: Partial<EchoOptions> = {}) {
  const gateway = gatewayWith(options)
  const client = clientOf(gateway)
  await client.connect(token)
  return { gateway, client }
}

export function ask(client: GatewayClient, key: string, message: string, more: object = {}) {
  return client.request('chat.send', { sessionKey: session, message, idempotencyKey: key, ...more })
}
