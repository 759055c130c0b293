import type { KeyValue, Tokens } from '../../domain/ports.ts'
import type { Engine } from './engine.ts'

/** The `Tokens` port. Tokens outlive a restart because WeCom limits how often they can be requested. */
export function createTokens(engine: Engine): Tokens {
  const find = engine.prepare<{ value: string; expiresAt: number }>(
    'SELECT value, expires_at AS expiresAt FROM token WHERE key = ?',
  )
  const put = engine.prepare<never>('INSERT OR REPLACE INTO token (key, value, expires_at) VALUES (?, ?, ?)')
  return {
    load: key => engine.run(() => find.get(key) ?? undefined),
    save: async (key, { value, expiresAt }) => void (await engine.run(() => put.run(key, value, expiresAt))),
  }
}

/** The `KeyValue` port, in the table `memo`. An empty text deletes the entry. */
export function createKeyValue(engine: Engine): KeyValue {
  const find = engine.prepare<{ text: string }>('SELECT text FROM memo WHERE name = ?')
  const put = engine.prepare<never>('INSERT OR REPLACE INTO memo (name, text) VALUES (?, ?)')
  const forget = engine.prepare<never>('DELETE FROM memo WHERE name = ?')
  const write = (name: string, text: string) => (text === '' ? forget.run(name) : put.run(name, text))
  return {
    get: name => engine.run(() => find.get(name)?.text),
    set: async (name, text) => void (await engine.run(() => write(name, text))),
  }
}
