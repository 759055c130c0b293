import type { ConfigSource } from '../app/state-folder.ts'
import { type App, startApp } from '../app.ts'
import { type Config, findConfigFile, loadConfig, resolveStateDir } from '../config/config.ts'
import { openNotifier } from '../app/systemd.ts'
import { build } from '../version.ts'
import type { LogStyle } from '../world.ts'
import { formatIssueLine, nowhere } from './check.ts'
import type { CliIo } from './io.ts'
import { alwaysUsage, exitCodes, parseCommand } from './usage.ts'

const usage = [
  'usage: wecomd run [--config FILE]',
  '',
  'Runs the daemon until it gets SIGTERM or SIGINT. Config: --config, else $WECOMD_CONFIG, else ./wecomd.json5,',
  'else /etc/wecomd/wecomd.json5. SIGHUP reads it again, and so does a change of the file.',
  '',
  ...alwaysUsage,
]

/** `wecomd run`: 3 when the config is refused, 5 when it cannot start, 0 after a stop that was asked for. */
export async function run(args: readonly string[], io: CliIo): Promise<number> {
  const command = parseCommand(args, io, { usage, flags: {}, positionals: 0 })
  if (command.exit !== undefined) return command.exit
  const file = findConfigFile(command.values.config, io.env, io.cwd)
  const { config, settings, complaints } =
    file === undefined ? { complaints: [nowhere(io.cwd)] } : loadConfig(file, io.env)
  for (const complaint of complaints) io.err(formatIssueLine(complaint))
  if (file === undefined || config === undefined || settings === undefined) return exitCodes.config

  const style = styleOf(config, io)
  const world = io.openWorld(style)
  const started = Promise.withResolvers<App>()
  // One that comes while the daemon starts is heard when it has.
  const stopSignal = io.untilStopped(() => void started.promise.then(app => app.reload()))
  const notifier = openNotifier(io.env, world)
  const source: ConfigSource = {
    file,
    settings,
    load: () => loadConfig(file, io.env),
    reloading: () => notifier.reloading(),
    reloaded(now) {
      Object.assign(style, styleOf(now, io))
      notifier.reloaded()
    },
  }
  const app = await startApp(
    { config, stateDir: resolveStateDir(config, io.env), version: build.version, source },
    world,
  )
  notifier.ready()
  started.resolve(app)
  world.log.info('stopping', { signal: await stopSignal })
  notifier.stopping()
  await app.stop()
  world.log.info('stopped')
  return exitCodes.ok
}

function styleOf({ log }: Config, { isTty }: CliIo): LogStyle {
  return { level: log.level, format: log.format ?? (isTty ? 'pretty' : 'json') }
}
