import { isCode } from '../errors.ts'
import { build } from '../version.ts'
import { findConfig } from './config-issues.ts'
import { askDaemon } from './daemon.ts'
import { exitCodes } from './exit-codes.ts'
import { statusReport } from './status.ts'
import { listCommands } from './table/help.ts'
import type { Values } from './table/arguments.ts'
import type { Terminal } from './terminal.ts'
import { overviewTexts } from './texts/overview.ts'

type Situation = keyof (typeof overviewTexts)['en']['next']

/** What to do in each situation. */
const nextCommand: Readonly<Record<Situation, string>> = {
  no_config: 'wecomd demo',
  bad_config: 'wecomd check',
  down: 'wecomd run',
  no_access: 'wecomd status',
  not_ready: 'wecomd status',
  dead_letters: 'wecomd dead list',
  on_hold: 'wecomd status',
  ready: 'wecomd status',
}

/** The bare `wecomd`: the commands there are, and the one that makes sense next. */
export async function overview(values: Values, terminal: Terminal): Promise<number> {
  const { out, paint, language } = terminal
  const texts = overviewTexts[language]
  const flags = { config: typeof values['config'] === 'string' ? values['config'] : undefined }
  const situation = await findSituation(flags, terminal)
  const next = nextCommand[situation]
  if (values['json']) {
    out(JSON.stringify({ version: build.version, situation, next }))
    return exitCodes.ok
  }
  out(`${paint.bold(`wecomd ${build.version}`)}  ${texts.tagline}`)
  out('')
  for (const line of listCommands(terminal)) out(line)
  out(texts.moreHelp)
  out('')
  out(texts.next[situation])
  out(`  ${paint.bold(next)}`)
  return exitCodes.ok
}

/** A daemon that is well answers at once. */
const askWithinMs = 3_000

async function findSituation(flags: { readonly config: string | undefined }, terminal: Terminal): Promise<Situation> {
  const { file, config } = findConfig(flags.config, terminal)
  if (file !== undefined && config === undefined) return 'bad_config'
  try {
    const where = { ...flags, url: undefined, 'token-file': undefined }
    const { ready, dead = 0, outbox } = await askDaemon('/api/status', statusReport, where, terminal, askWithinMs)
    if (!ready) return 'not_ready'
    if (dead > 0) return 'dead_letters'
    return (outbox?.held ?? 0) > 0 ? 'on_hold' : 'ready'
  } catch (error) {
    if (file === undefined) return 'no_config'
    return isCode(error, 'daemon_unreachable') && error.cause !== undefined ? 'down' : 'no_access'
  }
}
