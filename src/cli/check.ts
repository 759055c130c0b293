import { isPairedWith } from '../app/state-folder.ts'
import { accessNotes } from '../config/access-checks.ts'
import { type Config, resolveStateDir } from '../config/config.ts'
import type { ConfigIssue } from '../config/issues.ts'
import { findConfig, formatIssueLine, formatNoteLine } from './config-issues.ts'
import { exitCodes } from './exit-codes.ts'
import type { Call } from './table/commands.ts'
import type { Terminal } from './terminal.ts'
import { checkTexts } from './texts/check.ts'

/** `wecomd check`: 0 also with warnings, 3 when the daemon would refuse the file. */
export async function check({ values }: Call<'check'>, terminal: Terminal): Promise<number> {
  const { file, config, issues: found } = findConfig(values.config, terminal)
  const issues = config === undefined ? found : [...found, ...scopeIssues(config, terminal)]
  const ok = !issues.some(({ severity }) => severity === 'error')
  const notes = config === undefined ? [] : accessNotes(config.accounts.filter(({ enabled }) => enabled))
  const named = file !== undefined && { file }
  if (values.json) terminal.out(JSON.stringify({ ok, ...named, complaints: issues, notes }))
  else {
    for (const issue of issues) terminal.out(formatIssueLine(issue, terminal))
    for (const note of notes) terminal.out(formatNoteLine(note, terminal))
    if (file !== undefined) terminal.out(summaryOf(file, issues, terminal))
  }
  return ok ? exitCodes.ok : exitCodes.config
}

/** Agents are made with admin scope, and what the gateway has approved is remembered in the state folder. */
function scopeIssues(config: Config, { env, language }: Terminal): readonly ConfigIssue[] {
  const { dynamicAgents, gateway } = config
  if (!dynamicAgents.enabled || isPairedWith(gateway.url, resolveStateDir(config, env))) return []
  const message = checkTexts[language].needsAdminScope
  return [{ path: 'channels.wecom.dynamicAgents.enabled', message, severity: 'warning' }]
}

function summaryOf(file: string, issues: readonly ConfigIssue[], { language, paint }: Terminal): string {
  const errors = issues.filter(({ severity }) => severity === 'error').length
  const summary = checkTexts[language].summary(file, errors, issues.length - errors)
  return errors === 0 ? paint.good(summary) : paint.bad(summary)
}
