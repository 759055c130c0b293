import { type LoadedConfig, findConfigFile, loadConfig, defaultConfigFiles } from '../config/config.ts'
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
  const texts = checkTexts[language]
  const widest = Math.max(Bun.stringWidth(texts.error), Bun.stringWidth(texts.warning))
  const label = texts[severity]
  const padded = label + ' '.repeat(widest - Bun.stringWidth(label))
  return `${severity === 'error' ? paint.bad(padded) : paint.warn(padded)} ${path === '' ? '' : `${path}: `}${message}`
}
