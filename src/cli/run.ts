import { startApp } from '../app.ts'
import { type Config, findConfigFile, loadConfig, resolveStateDir } from '../config/config.ts'
import { openNotifier } from '../systemd.ts'
import { build } from '../version.ts'
import { formatComplaint, nowhere } from './check.ts'
import type { CliIo } from './io.ts'
import { alwaysUsage, exitCodes, parseCommand } from './usage.ts'

const usage = [
  'usage: wecomd run [--config FILE]',
  '',
  'Runs the daemon until it gets SIGTERM or SIGINT. Config: --config, else $WECOMD_CONFIG, else ./wecomd.json5,',
  'else /etc/wecomd/wecomd.json5.',
  '',
  ...alwaysUsage,
]

/** `wecomd run`: 3 when the config is refused, 5 when it cannot start, 0 after a stop that was asked for. */
export async function run(args: readonly string[], io: CliIo): Promise<number> {
  const command = parseCommand(args, io, { usage, flags: {}, positionals: 0 })
  if (command.exit !== undefined) return command.exit
  const config = readConfig(command.values.config, io)
  if (config === undefined) return exitCodes.config

  const world = io.openWorld({ level: config.log.level, format: config.log.format ?? (io.isTty ? 'pretty' : 'json') })
  const stopSignal = io.untilStopped('is ignored')
  const notifier = openNotifier(io.env, world)
  const app = await startApp({ config, stateDir: resolveStateDir(config, io.env), version: build.version }, world)
  notifier.ready()
  world.log.info('stopping', { signal: await stopSignal })
  notifier.stopping()
  await app.stop()
  world.log.info('stopped')
  return exitCodes.ok
}

function readConfig(flag: string | undefined, io: CliIo): Config | undefined {
  const file = findConfigFile(flag, io.env, io.cwd)
  const { config, complaints } = file === undefined ? { complaints: [nowhere(io.cwd)] } : loadConfig(file, io.env)
  for (const complaint of complaints) io.err(formatComplaint(complaint))
  return config
}
