import { openAdmin } from './app/admin.ts'
import { openDesk } from './app/desk.ts'
import { mountsOf } from './app/mounts.ts'
import { type AppOptions, openConnection, openStore, prepareFolder } from './app/state-folder.ts'
import { scheduleWork } from './bridge/work.ts'
import { Observations } from './http/observations.ts'
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
  /** Drains for at most ten seconds, closes the listeners last, loses nothing. */
  stop(): Promise<void>
}

/** Builds the daemon and starts it; when it resolves, callbacks are taken. Throws a WecomdError when it cannot start. */
export async function startApp(options: AppOptions, world: World): Promise<App> {
  const { config, stateDir } = options
  prepareFolder(stateDir)
  const scheduler = new Scheduler(world.clock, world.log.area('scheduler'))
  const store = openStore(options, world)
  const listeners: Listener[] = []
  try {
    const connection = openConnection(options, world, scheduler)
    const observations = new Observations()
    const desk = await openDesk(options, world, { scheduler, store, connection, observations })
    const work = scheduleWork(desk, scheduler, config.retention)
    const life = { startedAt: world.clock.now(), isStopping: false }
    listeners.push(openAdmin(options, world, desk, work, observations, life))
    listeners.push(startPublicListener(config.server, mountsOf(config, desk, work, observations, world)))
    connection.start()
    scheduler.start()
    const [privateUrl, publicUrl] = listeners.map(listener => listener.url) as [string, string] // both were pushed above
    world.log.info('listening', { public: publicUrl, private: privateUrl, state: stateDir })
    return {
      publicUrl,
      privateUrl,
      async stop() {
        life.isStopping = true
        await work.drain(drainMs)
        const cancel = scheduler.at(world.clock.now() + lastWordMs, () => listeners.forEach(one => one.abort()))
        await closeListeners(listeners)
        cancel()
        await scheduler.stop()
        connection.stop()
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

async function closeListeners(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map(listener => listener.stop()))
}
