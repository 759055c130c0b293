import { statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../errors.ts'
import { type Cancel, type Clock, type Log, nothingToCancel, type Timers } from '../world.ts'

/** Editors save a file in several steps, so a change is read only after this delay. */
const settleMs = 300

/**
 * Calls `changed` when the config file was changed, replaced or removed. Watches the folder instead of the file, because editors
 * and orchestrators replace the file or the link to it. If the folder cannot be watched, it logs a warning and does nothing.
 */
export function watchConfig(
  file: string,
  world: { readonly clock: Clock; readonly timers: Timers; readonly log: Log },
  changed: () => void,
): Cancel {
  const { clock, timers, log } = world
  let seen = stampOf(file)
  let cancelCheck: Cancel | undefined
  const check = () => {
    cancelCheck = undefined
    const stamp = stampOf(file)
    if (stamp === seen) return
    seen = stamp
    changed()
  }
  const warnNotWatching = (error: unknown) => {
    log.warn('watching the config file failed', { reason: messageOf(error), hint: 'reload with SIGHUP' })
  }
  try {
    const watcher = watch(dirname(file), { persistent: false }, () => {
      cancelCheck ??= timers.at(clock.now() + settleMs, check)
    })
    watcher.on('error', warnNotWatching)
    return () => {
      watcher.close()
      cancelCheck?.()
    }
  } catch (error) {
    warnNotWatching(error)
    return nothingToCancel
  }
}

/** A fingerprint that changes with the file; empty if the file does not exist. */
function stampOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false })
  return found === undefined ? '' : [found.ino, found.size, found.mtimeMs].join()
}
