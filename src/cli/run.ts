import type { ConfigSource } from '../app/state-folder.ts'
import { openNotifier } from '../app/systemd.ts'
import { type App, startApp } from '../app.ts'
import { type Config, loadConfig, resolveStateDir } from '../config/config.ts'
import { build } from '../version.ts'
import type { LogStyle } from '../world.ts'
import { findConfig, formatIssueLine } from './config-issues.ts'
import { exitCodes } from './exit-codes.ts'
import type { Call } from './table/commands.ts'
import type { Terminal } from './terminal.ts'

/** `wecomd run`: 3 when the config is refused, 5 when it cannot start, 0 after a stop that was asked for. */
export async function run({ values }: Call<'run'>, terminal: Terminal): Promise<number> {
  const { env } = terminal
  const { file, config, settings, issues } = findConfig(values.config, terminal)
  for (const issue of issues) terminal.err(formatIssueLine(issue, terminal))
  if (file === undefined || config === undefined || settings === undefined) return exitCodes.config

  const styleOf = ({ log }: Config): LogStyle => {
    const usual = log.format ?? (terminal.isTty ? 'pretty' : 'json')
    return { level: log.level, format: values.json ? 'json' : usual }
  }
  const style = styleOf(config)
  const world = terminal.openWorld(style)
  const started = Promise.withResolvers<App>()
  // A reload that is asked for while the daemon starts takes place once it has started.
  const stopSignal = terminal.untilStopped(() => void started.promise.then(app => app.reload()))
  const notifier = openNotifier(env, world)
  const source: ConfigSource = {
    file,
    settings,
    load: () => loadConfig(file, env, true),
    reloading: () => notifier.reloading(),
    reloaded(now) {
      Object.assign(style, styleOf(now))
      notifier.reloaded()
    },
  }
  const app = await startApp({ config, stateDir: resolveStateDir(config, env), version: build.version, source }, world)
  notifier.ready()
  started.resolve(app)
  world.log.info('stopping', { signal: await stopSignal })
  notifier.stopping()
  await app.stop()
  world.log.info('stopped')
  return exitCodes.ok
}
