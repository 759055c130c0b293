import { ActiveConfig } from './app/active-config.ts'
import { openAdmin } from './app/admin.ts'
import { AgentWatch } from './app/agent-watch.ts'
import { openBridgeContext, retentionOf } from './app/bridge-context.ts'
import { createSnapshot, openConfigDeps } from './app/config-snapshot.ts'
import { Links, linkOptions } from './app/links.ts'
import { namedLog } from './app/named-log.ts'
import { Reloader, type ReloadDeps } from './app/reload.ts'
import { type DaemonOptions, linkOf, openStore, prepareFolder } from './app/state-folder.ts'
import { startBridge } from './bridge/start.ts'
import { Metrics } from './http/metrics.ts'
import { type Listener, startPublicListener } from './http/public.ts'
import { Scheduler } from './scheduler/scheduler.ts'
import type { World } from './world.ts'

/** How long a stop waits for running answers; callbacks are answered all the while. */
const drainMs = 10_000
/** After that, how long it waits for requests under way: a stranger who never ends his sentence must not hold it up. */
const lastWordMs = 1_000

export interface App {
  readonly publicUrl: string
  readonly privateUrl: string
  /** Reads the config again, where it comes from a file; resolves when that is over, with whatever outcome. */
  reload(): Promise<void>
  /** Drains for at most ten seconds, closes the listeners last, loses nothing. */
  stop(): Promise<void>
}

/** Builds the daemon and starts it; when it resolves, callbacks are taken. Throws a WecomdError when it cannot start. */
export async function startApp(options: DaemonOptions, outside: World): Promise<App> {
  const { config, stateDir, version } = options
  const active = new ActiveConfig()
  const world = { ...outside, log: namedLog(outside.log, () => active.now.config.accounts) }
  prepareFolder(stateDir)
  const scheduler = new Scheduler(world.clock, world.log.area('scheduler'))
  const store = openStore(options, world)
  const listeners: Listener[] = []
  try {
    const links = new Links(linkOptions(linkOf(config), options), world, scheduler)
    const observations = new Metrics()
    const desk = openBridgeContext(active, stateDir, world, { scheduler, store, links, observations })
    const work = startBridge(desk, scheduler, retentionOf(active))
    const agentWatch = new AgentWatch(active, links, world, scheduler)
    const shop = openConfigDeps(options, world, { desk, observations })
    active.replace(createSnapshot(config, shop))
    await desk.breaker.load(desk.accounts.keys())
    const life = { startedAt: world.clock.now(), isStopping: false }
    const reloader = openReloader({ shop, active, desk, links, agentWatch })
    const complaint = () => reloader?.complaint
    listeners.push(openAdmin({ version, active, desk, links, observations, life, complaint, agentWatch }, world))
    listeners.push(startPublicListener(config.server, path => active.now.mounts.get(path)))
    links.start()
    scheduler.start()
    reloader?.watch()
    const [privateUrl, publicUrl] = listeners.map(listener => listener.url) as [string, string] // both were pushed above
    world.log.info('listening', { public: publicUrl, private: privateUrl, state: stateDir })
    return {
      publicUrl,
      privateUrl,
      reload: async () => reloader?.reload(),
      async stop() {
        life.isStopping = true
        await reloader?.stop()
        await work.drain(drainMs)
        const cancel = scheduler.at(world.clock.now() + lastWordMs, () => listeners.forEach(one => one.abort()))
        await closeListeners(listeners)
        cancel()
        await scheduler.stop()
        links.stop()
        scheduler.close()
        await store.close()
      },
    }
  } catch (error) {
    await closeListeners(listeners)
    await store.close()
    throw error
  }
}

/** Undefined where the config comes from no file. */
function openReloader(house: ReloadDeps): Reloader | undefined {
  const { source } = house.shop.options
  return source && new Reloader(source, house)
}

async function closeListeners(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map(listener => listener.stop()))
}
