import { readFileSync } from 'node:fs'
import JSON5 from 'json5'
import { findConfigFile } from '../config/config.ts'
import type { Language } from '../core/notices/texts.ts'
import type { CliIo } from './io.ts'

/**
 * The language to answer in: `--lang`; Chinese where the locale names it; `language` where the config file sets it; else
 * English. A locale that names another language leaves it to the config.
 */
export function languageOf(
  flags: { readonly lang?: string | undefined; readonly config?: string | undefined },
  io: Pick<CliIo, 'env' | 'cwd'>,
): Language {
  if (isLanguage(flags.lang)) return flags.lang
  const locale = io.env['LC_ALL'] || io.env['LC_MESSAGES'] || io.env['LANG'] || ''
  if (/^zh\b|^zh_/i.test(locale)) return 'zh-CN'
  return languageIn(findConfigFile(flags.config, io.env, io.cwd)) ?? 'en'
}

/** What the config file says, whatever else is wrong with it. */
function languageIn(file: string | undefined): Language | undefined {
  if (file === undefined) return undefined
  try {
    const settings: unknown = JSON5.parse(readFileSync(file, 'utf8'))
    const language: unknown =
      typeof settings === 'object' && settings !== null ? Reflect.get(settings, 'language') : undefined
    return isLanguage(language) ? language : undefined
  } catch {
    return undefined // the command that needs the file says what is wrong with it
  }
}

function isLanguage(value: unknown): value is Language {
  return value === 'zh-CN' || value === 'en'
}
