import { statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../errors.ts'
import { type Cancel, type Clock, type Log, nothingToCancel, type Timers } from '../world.ts'

/** Editors save a file in several steps, so a change is read only after this delay. */
const settleMs = 300

/** How often the path is looked at, because not every change is an event in its folder: links, mounts, renamed folders. */
const lookEveryMs = 5_000

/**
 * Calls `changed` when the config file was changed, replaced or removed. Watches the folder instead of the file, because editors
 * and orchestrators replace the file or the link to it. Looks at the path regularly, too.
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
  const checkSoon = () => {
    cancelCheck ??= timers.at(clock.now() + settleMs, check)
  }
  let cancelLook: Cancel
  const look = () => {
    if (stampOf(file) !== seen) checkSoon()
    cancelLook = timers.at(clock.now() + lookEveryMs, look)
  }
  cancelLook = timers.at(clock.now() + lookEveryMs, look)
  const unwatch = watchFolder(dirname(file), checkSoon, log)
  return () => {
    unwatch()
    cancelLook()
    cancelCheck?.()
  }
}

function watchFolder(folder: string, changed: () => void, log: Log): Cancel {
  const logFailure = (error: unknown) =>
    log.debug('the folder of the config file cannot be watched, so only its path is', { reason: messageOf(error) })
  try {
    const watcher = watch(folder, { persistent: false }, changed)
    watcher.on('error', logFailure)
    return () => watcher.close()
  } catch (error) {
    logFailure(error)
    return nothingToCancel
  }
}

/** A fingerprint that changes with the file; empty if the file does not exist. */
function stampOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false })
  return found === undefined ? '' : [found.ino, found.size, found.mtimeMs].join()
}
