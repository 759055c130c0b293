import { isPairedWith } from '../app/state-folder.ts'
import type { ConfigIssue } from '../config/issues.ts'
import { type Config, findConfigFile, loadConfig, resolveStateDir, usualPlaces } from '../config/config.ts'
import type { CliIo } from './io.ts'
import { alwaysUsage, exitCodes, parseCommand } from './usage.ts'

const usage = [
  'usage: wecomd check [--config FILE] [--json]',
  '',
  'Checks the config file without going online and tells everything that is wrong with it.',
  '',
  ...alwaysUsage,
]

/** `wecomd check`: 0 also with warnings, 3 when the daemon would refuse the file. */
export async function check(args: readonly string[], io: CliIo): Promise<number> {
  const command = parseCommand(args, io, { usage, flags: {}, positionals: 0 })
  if (command.exit !== undefined) return command.exit
  const file = findConfigFile(command.values.config, io.env, io.cwd)
  const complaints = file === undefined ? [nowhere(io.cwd)] : complaintsAbout(file, io.env)
  const ok = !complaints.some(complaint => complaint.severity === 'error')
  if (command.values.json) {
    io.out(JSON.stringify({ ok, ...(file !== undefined && { file }), complaints }))
  } else {
    for (const complaint of complaints) io.out(formatIssueLine(complaint))
    if (file !== undefined) io.out(summaryOf(file, complaints))
  }
  return ok ? exitCodes.ok : exitCodes.config
}

function complaintsAbout(file: string, env: CliIo['env']): readonly ConfigIssue[] {
  const { config, complaints } = loadConfig(file, env)
  return config === undefined ? complaints : [...complaints, ...scopeComplaints(config, env)]
}

/** Agents are made with admin scope, and what the gateway has approved is remembered in the state folder. */
function scopeComplaints(config: Config, env: CliIo['env']): readonly ConfigIssue[] {
  const { dynamicAgents, gateway } = config
  if (!dynamicAgents.enabled || isPairedWith(gateway.url, resolveStateDir(config, env))) return []
  const message =
    'needs admin scope, and the gateway has not approved this device for it yet: until it has, the bound agents answer; start wecomd, and its status names the command for the gateway host'
  return [{ path: 'channels.wecom.dynamicAgents.enabled', message, severity: 'warning' }]
}

/** `error   channels.wecom.bot.tokn: unknown key; did you mean "token"?` */
export function formatIssueLine({ severity, path, message }: ConfigIssue): string {
  return `${severity.padEnd(7)} ${path === '' ? '' : `${path}: `}${message}`
}

/** The complaint when no config file is named and none is in the usual places. */
export function nowhere(cwd: string): ConfigIssue {
  const places = usualPlaces(cwd).join(' nor ')
  const message = `no config file: --config and $WECOMD_CONFIG name none, and there is neither ${places}`
  return { path: '', message, severity: 'error' }
}

function summaryOf(file: string, complaints: readonly ConfigIssue[]): string {
  const errors = complaints.filter(complaint => complaint.severity === 'error').length
  const warnings = complaints.length - errors
  const told = [count(errors, 'error'), count(warnings, 'warning')].filter(part => part !== '').join(', ')
  return `${file}: ${errors === 0 ? 'valid' : 'not valid'}${told === '' ? '' : `, ${told}`}`
}

function count(amount: number, word: string): string {
  return amount === 0 ? '' : `${amount} ${word}${amount === 1 ? '' : 's'}`
}
