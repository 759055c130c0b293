/**
 * `wecomd run` from source with a clock that skips half an hour at each SIGUSR2. Once what rang meanwhile is done it logs
 * `rested`, with its memory after a collection and how many alarms are set.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { loadConfig, resolveStateDir } from '../../../src/config/config.ts'
import { startApp } from '../../../src/app.ts'
import { createLog, realWorld } from '../../../src/world.ts'
import { SkippingClock } from '../../../test/scenarios/skipping-clock.ts'
import { skippedMs, skipsFile } from './skip.ts'

const restMs = 2_500

const file = process.argv.at(-1) ?? ''
const load = () => loadConfig(file, process.env)
const { config, settings, issues } = load()
if (config === undefined || settings === undefined) throw new Error(JSON.stringify(issues))

const clock = new SkippingClock()
const skips = join(dirname(file), skipsFile)
if (existsSync(skips)) clock.skip(Number(readFileSync(skips, 'utf8')) * skippedMs)
const log = createLog(
  line => void process.stdout.write(`${line}\n`),
  () => clock.wall(),
  { level: 'debug', format: 'json' },
)
const source = { file, settings, load, reloading() {}, reloaded() {} }
const stateDir = resolveStateDir(config, process.env)
const app = await startApp({ config, stateDir, version: 'day', source }, { ...realWorld(log), clock })

process.on('SIGUSR2', async () => {
  clock.skip(skippedMs)
  await Bun.sleep(restMs)
  Bun.gc(true)
  const { rss, heapUsed } = process.memoryUsage()
  log.info('rested', { rss, heapUsed, alarms: clock.pending() })
})
process.once('SIGTERM', async () => {
  await app.stop()
  process.exit(0)
})
