import { type LoadedConfig, findConfigFile, loadConfig, defaultConfigFiles } from '../config/config.ts'
import type { ConfigNote } from '../config/access-checks.ts'
import type { ConfigIssue } from '../config/issues.ts'
import type { Terminal } from './terminal.ts'
import { checkTexts } from './texts/check.ts'

/** The config file that a command is to use, read; without one, the issue that there is none. */
export function findConfig(flag: string | undefined, terminal: Terminal): LoadedConfig & { readonly file?: string } {
  const { env, cwd, language } = terminal
  const file = findConfigFile(flag, env, cwd)
  if (file !== undefined) return { file, ...loadConfig(file, env) }
  const message = checkTexts[language].noFile(defaultConfigFiles(cwd))
  return { issues: [{ path: '', message, severity: 'error' }] }
}

/** `error   channels.wecom.bot.tokn: unknown key; did you mean "token"?` */
export function formatIssueLine({ severity, path, message }: ConfigIssue, { language, paint }: Terminal): string {
  const padded = labelOf(severity, language)
  return `${severity === 'error' ? paint.bad(padded) : paint.warn(padded)} ${path === '' ? '' : `${path}: `}${message}`
}

/** `note    channels.wecom.bot.dm.allowFrom: is empty, …` */
export function formatNoteLine({ path, message }: ConfigNote, { language, paint }: Terminal): string {
  return `${paint.dim(labelOf('note', language))} ${path}: ${message}`
}

function labelOf(kind: ConfigIssue['severity'] | 'note', language: Terminal['language']): string {
  const { error, warning, note } = checkTexts[language]
  const widest = Math.max(...[error, warning, note].map(label => Bun.stringWidth(label)))
  const label = { error, warning, note }[kind]
  return label + ' '.repeat(widest - Bun.stringWidth(label))
}
