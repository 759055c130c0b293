import type { Store } from '../../src/domain/ports.ts'

/** What a process does at each step; false from the moment that it is dead. */
export type Pass = (step: string) => boolean

/** Never settles: whoever waits for it died before it did. */
const forever = new Promise<never>(() => {})

/** `work`, for a process that may die before it and between its end and its caller. */
export function mortal<Args extends unknown[], Result>(
  name: string,
  pass: Pass,
  work: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  return async (...args) => {
    if (!pass(`before ${name}`)) return await forever
    try {
      const result = await work(...args)
      return pass(`after ${name}`) ? result : await forever
    } catch (error) {
      if (pass(`after ${name} failed`)) throw error
      return await forever
    }
  }
}

/** The store, with somebody who is told which turns are new and which deliveries were taken up. */
export function watchStore(
  store: Store,
  told: { opened(turnId: string): void; claimed(deliveryId: string): void },
): Store {
  return {
    ...store,
    open: async (key, open) => {
      const opened = await store.open(key, open)
      if (!opened.seen) told.opened(key.id)
      return opened
    },
    outbox: {
      ...store.outbox,
      claim: async (kinds, lease, change) => {
        const claimed = await store.outbox.claim(kinds, lease, change)
        for (const { id } of claimed) told.claimed(id)
        return claimed
      },
    },
  }
}

/**
 * The store as a process sees it that may die at every call: before the call reaches the engine nothing of it is
 * written, after it the caller does not hear of it. `settled` is told when the engine is done with a call.
 */
export function mortalStore(store: Store, pass: Pass, started: () => () => void): Store {
  const wrap = <Args extends unknown[], Result>(name: string, work: (...args: Args) => Promise<Result>) =>
    mortal(name, pass, async (...args: Args) => {
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
    due: wrap('due', store.due),
    nextDueAt: wrap('nextDueAt', store.nextDueAt),
    counts: wrap('counts', store.counts),
    see: wrap('see', store.see),
    sweep: wrap('sweep', store.sweep),
    probe: wrap('probe', store.probe),
    close: () => store.close(),
    outbox: {
      // Passed to `wrap` directly it would lose its type parameters.
      claim: (kinds, lease, change) => wrap('claim', () => outbox.claim(kinds, lease, change))(),
      begin: wrap('begin', outbox.begin),
      post: wrap('post', outbox.post),
      write: wrap('write', outbox.write),
      behind: wrap('behind', outbox.behind),
      ahead: wrap('ahead', outbox.ahead),
      unhold: wrap('unhold', outbox.unhold),
      peak: wrap('busiest', outbox.peak),
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
    keyValue: { get: wrap('recall', keyValue.get), set: wrap('remember', keyValue.set) },
  }
}
