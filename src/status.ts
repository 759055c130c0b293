import type { Account, Config } from './config/config.ts'
import type { Agent, Store } from './domain/ports.ts'
import type { Observations } from './http/observations.ts'
import { messageOf } from './errors.ts'

/** What `status` looks at. */
export interface StatusDesk {
  readonly version: string
  readonly node: string
  readonly startedAt: number
  readonly config: Config
  readonly store: Store
  readonly agent: Agent
  readonly observations: Observations
  readonly isStopping: boolean
}

/** One part of the daemon; `reason` and `hint` say what is wrong and what to do. Times are epoch ms. */
export interface Component {
  readonly state: string
  readonly since?: number
  readonly reason?: string
  readonly hint?: string
}

/** The answer of `GET /api/status` (`definitions.md` 8). */
export async function reportStatus(desk: StatusDesk) {
  const { version, node, startedAt, config, store, agent, isStopping } = desk
  const storeState = await probeStore(store)
  const gateway: Component = agent.status()
  const isUp = storeState.state === 'up' && gateway.state === 'up'
  const work: Partial<Awaited<ReturnType<typeof readWork>>> = storeState.state === 'up' ? await readWork(store) : {}
  return {
    version,
    startedAt,
    node,
    ready: isUp && !isStopping,
    components: {
      store: storeState,
      gateway,
      ...(isStopping && { daemon: { state: 'stopping' } }),
    },
    accounts: config.accounts.map(account => describeAccount(desk, account)),
    ...work,
    config: { loadedAt: startedAt },
  }
}

async function probeStore(store: Store): Promise<Component> {
  try {
    await store.probe()
    return { state: 'up' }
  } catch (error) {
    return { state: 'down', reason: messageOf(error), hint: 'look at free disk space and at the state folder' }
  }
}

async function readWork(store: Store) {
  const [turns, outbox] = await Promise.all([store.counts(), store.outbox.summary()])
  return {
    turns: {
      open: turns.open,
      waiting: turns.unclaimed,
      asking: turns.open - turns.unclaimed - turns.states.closing,
    },
    outbox: {
      queued: outbox.states.queued + outbox.states.sending,
      held: outbox.states.held,
      ...(outbox.oldestAt !== undefined && { oldestAt: outbox.oldestAt }),
    },
    dead: outbox.dead,
  }
}

/** Where the callbacks of an account's Bot come in; the default account also has the short paths. */
export function botPaths(config: Config, account: string): readonly string[] {
  const short = account === config.defaultAccount ? ['/wecom', '/wecom/bot'] : []
  return [...short, `/wecom/bot/${account}`]
}

function describeAccount({ config, observations }: StatusDesk, { id, enabled, bot }: Account) {
  return {
    id,
    enabled,
    ...(bot !== undefined && { bot: { paths: botPaths(config, id), ...observations.surface(id, 'bot') } }),
  }
}
