import type { LinkStatus } from '../../src/domain/agent.ts'
import { createEchoGateway, type EchoOptions } from '../../src/playground/gateway/echo-gateway.ts'
import { quietWorld } from '../scenarios/daemon.ts'
import { until } from '../scenarios/until.ts'
import { openRawGateway, users } from './raw-gateway.ts'
import { type LinkOptions, openLink } from './rig.ts'

export const fullScopes = [...users, 'operator.admin', 'operator.approvals']

/** The gateways and links of one test file, closed together in `afterEach`. */
export class Links {
  private readonly open: { close(): unknown }[] = []

  closeLater(one: { close(): unknown }): void {
    this.open.push(one)
  }

  async closeAll(): Promise<void> {
    for (const one of this.open.splice(0).toReversed()) await one.close()
  }

  raw(answer: Parameters<typeof openRawGateway>[0]) {
    const gateway = openRawGateway(answer)
    this.closeLater(gateway)
    return gateway
  }

  echo(options: Partial<EchoOptions> = {}) {
    const gateway = createEchoGateway(quietWorld(), { token: 'link-token', ...options })
    this.closeLater(gateway)
    return gateway
  }

  /** A link that has started to connect. */
  link(options: LinkOptions): Link {
    const opened = openLink(options)
    this.closeLater(opened)
    opened.connection.start()
    return opened
  }
}

type Link = ReturnType<typeof openLink>

export async function reach(opened: Link, state: LinkStatus['state']): Promise<void> {
  await until(`the link to be ${state}`, () => opened.connection.status.state === state)
}

/** Milliseconds until the next connect; undefined during one, which has a timeout of 15 s. */
export async function pauseOf(opened: Link): Promise<number | undefined> {
  await opened.pass(0)
  const pause = (opened.clock.nextAlarmAt() ?? 0) - opened.clock.now()
  return pause < 15_000 ? pause : undefined
}

/** The response to a refused connect. */
export function refusal(code: string, details: object = {}, more: object = {}) {
  return { ok: false, error: { code, message: 'no', details, ...more } } as const
}
