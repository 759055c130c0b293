import { ActiveConfig } from './app/active-config.ts'
import { openAdmin } from './app/admin.ts'
import { AgentWatch } from './app/agent-watch.ts'
import { openBridgeContext, retentionOf } from './app/bridge-context.ts'
import { createSnapshot, openConfigDeps } from './app/config-snapshot.ts'
import { isAnswerAwaited, Links, linkOptions } from './app/links.ts'
import { createStrangerLog } from './app/mounts.ts'
import { namedLog } from './app/named-log.ts'
import { restoreStatus } from './app/remembered.ts'
import { Reloader, type ReloadDeps } from './app/reload.ts'
import { type DaemonOptions, linkOf, openStore, prepareFolder } from './app/state-folder.ts'
import { startBridge } from './bridge/start.ts'
import { Metrics } from './http/metrics.ts'
import { type Listener, startPublicListener } from './http/public.ts'
import { Scheduler } from './scheduler/scheduler.ts'
import type { World } from './world.ts'

/**
 * How long `stop` waits for running answers. Callbacks are still answered in that time. With what follows it must end
 * within 9 s, because `docker stop` kills after 10 s.
 */
const drainTimeoutMs = 7_500
/** How long `stop` then waits for requests in progress, so that a client that never finishes its request cannot block it. */
const closeTimeoutMs = 1_000

export interface App {
  readonly publicUrl: string
  readonly privateUrl: string
  /** Reloads the config, if it comes from a file. Resolves when done, also if the new config is rejected. */
  reload(): Promise<void>
  /**
   * Stops within nine seconds: drains, then closes the listeners. Unfinished work is in the store and resumes later. A second
   * call waits for the first.
   */
  stop(): Promise<void>
}

/** Builds and starts the daemon. Once it resolves, callbacks are accepted. Throws a WecomdError if the daemon cannot start. */
export async function startApp(options: DaemonOptions, outside: World): Promise<App> {
  const { config, stateDir, version } = options
  const active = new ActiveConfig()
  const world = { ...outside, log: namedLog(outside.log, () => active.now.config.accounts) }
  prepareFolder(stateDir)
  const scheduler = new Scheduler(world.clock, world.log.area('scheduler'))
  const store = openStore(options, world)
  const listeners: Listener[] = []
  try {
    const links = new Links(linkOptions(linkOf(config), options), world, scheduler, () => isAnswerAwaited(store))
    const metrics = new Metrics()
    const context = openBridgeContext(active, stateDir, world, { scheduler, store, links, metrics })
    const work = startBridge(context, scheduler, retentionOf(active))
    const agentWatch = new AgentWatch(active, links, world, scheduler)
    const configDeps = openConfigDeps(options, world, { context, metrics })
    active.replace(createSnapshot(config, configDeps))
    await context.breaker.load(context.accounts.keys())
    await restoreStatus(store, metrics, [...context.accounts.keys()], world)
    const life = { startedAt: world.clock.now(), stoppingSince: undefined as number | undefined }
    const reloader = openReloader({ configDeps, active, context, links, agentWatch })
    const reloadProblem = () => reloader?.problem
    listeners.push(openAdmin({ version, active, context, links, metrics, life, reloadProblem, agentWatch }, world))
    listeners.push(startPublicListener(config.server, path => active.now.mounts.get(path), createStrangerLog(world)))
    links.start()
    scheduler.start()
    reloader?.watch()
    const [privateUrl, publicUrl] = listeners.map(listener => listener.url) as [string, string] // both were pushed above
    world.log.info('listening', { public: publicUrl, private: privateUrl, state: stateDir })
    const stop = async () => {
      life.stoppingSince = world.clock.now()
      await reloader?.stop()
      await work.drain(drainTimeoutMs)
      const cancel = scheduler.at(world.clock.now() + closeTimeoutMs, () =>
        listeners.forEach(listener => listener.abort()),
      )
      await closeListeners(listeners)
      cancel()
      await scheduler.stop()
      links.stop()
      scheduler.close()
      await store.close()
    }
    let stopping: Promise<void> | undefined
    return { publicUrl, privateUrl, reload: async () => reloader?.reload(), stop: () => (stopping ??= stop()) }
  } catch (error) {
    await closeListeners(listeners)
    await store.close()
    throw error
  }
}

/** Returns undefined if the config does not come from a file. */
function openReloader(deps: ReloadDeps): Reloader | undefined {
  const { source } = deps.configDeps.options
  return source && new Reloader(source, deps)
}

async function closeListeners(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map(listener => listener.stop()))
}
