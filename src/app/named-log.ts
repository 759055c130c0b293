import type { Account } from '../config/config.ts'
import type { Log, LogFields } from '../world.ts'

/** Wraps a log so that lines with an `account` also have its display name, if it has one. */
export function namedLog(log: Log, accounts: () => readonly Pick<Account, 'id' | 'name'>[]): Log {
  const named = (fields?: LogFields): LogFields | undefined => {
    const account = fields?.['account']
    const name = account === undefined ? undefined : accounts().find(({ id }) => id === account)?.name
    return name === undefined ? fields : { ...fields, accountName: name }
  }
  return {
    debug: (msg, fields) => log.debug(msg, named(fields)),
    info: (msg, fields) => log.info(msg, named(fields)),
    warn: (msg, fields) => log.warn(msg, named(fields)),
    error: (msg, fields) => log.error(msg, named(fields)),
    area: area => namedLog(log.area(area), accounts),
  }
}
