import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { resolveStateDir } from '../config/config.ts'
import { fileErrorReason } from '../config/reading.ts'
import { WecomdError } from '../errors.ts'
import type { Terminal } from './terminal.ts'
import { type DaemonTexts, daemonTexts } from './texts/daemon.ts'

/** The token of the private listener: `--token-file`, the environment, the config, else the state folder. */
export function findAdminToken(
  flag: string | undefined,
  access: { readonly token?: string; readonly stateDir?: string },
  { env, language }: Terminal,
): string | undefined {
  const texts = daemonTexts[language]
  const given = flag === undefined ? env['WECOMD_ADMIN_TOKEN'] : undefined
  if (given) return checkToken(given, 'usage', texts.noToken('$WECOMD_ADMIN_TOKEN'))
  if (flag === undefined && access.token !== undefined) {
    return checkToken(access.token, 'config', texts.noToken('admin.token'))
  }
  const file = flag ?? join(resolveStateDir(access, env), 'admin-token')
  const code = flag === undefined ? 'config' : 'usage'
  if (existsSync(file)) return checkToken(readToken(file, code, texts), code, texts.noToken(texts.tokenFile(file)))
  if (flag === undefined) return undefined
  throw new WecomdError('usage', texts.noTokenFile(file))
}

function readToken(file: string, code: 'usage' | 'config', texts: DaemonTexts): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new WecomdError(code, texts.tokenUnreadable(file, fileErrorReason(error)))
  }
}

/** A token must fit into a header. */
function checkToken(text: string, code: 'usage' | 'config', complaint: string): string {
  const token = text.trim()
  if (/^[\x20-\x7e]{1,4096}$/.test(token)) return token
  throw new WecomdError(code, complaint)
}
