import type { Store } from '../../src/domain/ports.ts'

/** Called at each step of a process. False once the process is dead. */
export type Pass = (step: string) => boolean

/** Never settles: the process that awaits it is dead. */
const never = new Promise<never>(() => {})

/** Wraps `work` for a process that can crash before it starts, and before its caller gets the result. */
export function crashable<Args extends unknown[], Result>(
  name: string,
  pass: Pass,
  work: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  return async (...args) => {
    if (!pass(`before ${name}`)) return await never
    try {
      const result = await work(...args)
      return pass(`after ${name}`) ? result : await never
    } catch (error) {
      if (pass(`after ${name} failed`)) throw error
      return await never
    }
  }
}

/** Wraps a store to report new turns and claimed work. */
export function watchStore(
  store: Store,
  observer: { opened(turnId: string): void; claimed(deliveryId: string): void },
): Store {
  return {
    ...store,
    open: async (key, open) => {
      const opened = await store.open(key, open)
      if (!opened.seen) observer.opened(key.id)
      return opened
    },
    outbox: {
      ...store.outbox,
      claim: async (kinds, lease, change) => {
        const claimed = await store.outbox.claim(kinds, lease, change)
        for (const { id } of claimed) observer.claimed(id)
        return claimed
      },
    },
  }
}

/**
 * The store for a process that can crash at every call: before the call reaches the engine, so that nothing is written,
 * or after it, so that the caller gets no result. `started` is called at each call, and what it returns when the engine
 * is done.
 */
export function crashableStore(store: Store, pass: Pass, started: () => () => void): Store {
  const wrap = <Args extends unknown[], Result>(name: string, work: (...args: Args) => Promise<Result>) =>
    crashable(name, pass, async (...args: Args) => {
      const settled = started()
      try {
        return await work(...args)
      } finally {
        settled()
      }
    })
  const { outbox, tokens, keyValue } = store
  return {
    onCommit: listener => store.onCommit(commit => void (pass('after a commit') && listener(commit))),
    open: wrap('open', store.open),
    find: wrap('find', store.find),
    findByStream: wrap('findByStream', store.findByStream),
    update: wrap('update', store.update),
    recentTurns: wrap('recentTurns', store.recentTurns),
    activeSessions: wrap('activeSessions', store.activeSessions),
    listTurns: wrap('listTurns', store.listTurns),
    newestTurnIds: wrap('newestTurnIds', store.newestTurnIds),
    idsFrom: wrap('idsFrom', store.idsFrom),
    failedSince: wrap('failedSince', store.failedSince),
    due: wrap('due', store.due),
    nextDueAt: wrap('nextDueAt', store.nextDueAt),
    counts: wrap('counts', store.counts),
    see: wrap('see', store.see),
    sweep: wrap('sweep', store.sweep),
    probe: wrap('probe', store.probe),
    close: () => store.close(),
    outbox: {
      // Not passed to `wrap` directly: it would lose its type parameters.
      claim: (kinds, lease, change) => wrap('claim', () => outbox.claim(kinds, lease, change))(),
      begin: wrap('begin', outbox.begin),
      post: wrap('post', outbox.post),
      write: wrap('write', outbox.write),
      behind: wrap('behind', outbox.behind),
      ahead: wrap('ahead', outbox.ahead),
      unhold: wrap('unhold', outbox.unhold),
      peak: wrap('peak', outbox.peak),
      renew: wrap('renew', outbox.renew),
      release: wrap('release', outbox.release),
      nextDueAt: wrap('outbox.nextDueAt', outbox.nextDueAt),
      dead: wrap('dead', outbox.dead),
      ofTurn: wrap('ofTurn', outbox.ofTurn),
      jobsOf: wrap('jobsOf', outbox.jobsOf),
      find: wrap('outbox.find', outbox.find),
      summary: wrap('summary', outbox.summary),
    },
    tokens: { load: wrap('tokens.load', tokens.load), save: wrap('tokens.save', tokens.save) },
    keyValue: { get: wrap('keyValue.get', keyValue.get), set: wrap('keyValue.set', keyValue.set) },
  }
}
