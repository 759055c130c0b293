import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Static, Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { parseJson } from '../domain/json.ts'
import { messageOf } from '../errors.ts'
import type { KeyRing } from '../wecom/callback/keys.ts'
import { type World, writeSecretFile } from '../world.ts'
import type { KeyRings } from './mounts.ts'

const stored = Type.Array(
  Type.Object({
    account: Type.String(),
    surface: Type.Union([Type.Literal('bot'), Type.Literal('app')]),
    token: Type.String(),
    encodingAESKey: Type.String({ pattern: '^[A-Za-z0-9]{43}$' }),
    until: Type.Number(),
  }),
)

/**
 * Keeps callback keys that a reload replaced, in a file of the state folder, so that a restart accepts them for the rest of
 * their time. The file is removed once there are none.
 */
export function saveReplacedKeys(stateDir: string, rings: KeyRings, { log }: Pick<World, 'log'>): void {
  const file = fileIn(stateDir)
  const rows = [...rings].flatMap(([account, { bot, app }]) => [
    ...rowsOf(account, 'bot', bot),
    ...rowsOf(account, 'app', app),
  ])
  try {
    if (rows.length > 0) writeSecretFile(file, JSON.stringify(rows))
    else rmSync(file, { force: true })
  } catch (error) {
    log.warn('replaced callback keys could not be kept for a restart', { reason: messageOf(error) })
  }
}

function rowsOf(account: string, surface: 'bot' | 'app', ring: KeyRing | undefined): Static<typeof stored> {
  return (ring?.replaced ?? []).map(keys => ({ account, surface, ...keys }))
}

/** The keys that were replaced before the restart and are still accepted. */
export function loadReplacedKeys(
  stateDir: string,
  now: number,
): (account: string, surface: 'bot' | 'app') => KeyRing['replaced'] {
  const file = fileIn(stateDir)
  const value = existsSync(file) ? parseJson(readFileSync(file, 'utf8')) : []
  const rows = Value.Check(stored, value) ? value.filter(({ until }) => until > now) : []
  return (account, surface) =>
    rows
      .filter(row => row.account === account && row.surface === surface)
      .map(({ token, encodingAESKey, until }) => ({ token, encodingAESKey, until }))
}

function fileIn(stateDir: string): string {
  return join(stateDir, 'replaced-keys')
}
