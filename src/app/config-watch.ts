import { statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../errors.ts'
import { type Cancel, type Clock, type Log, nothingToCancel, type Timers } from '../world.ts'

/** Editors write in several steps. */
const settleMs = 300

/**
 * Calls `changed` when the file has become another one, a moment after the first sign of it. The folder is watched, since
 * editors and orchestrators put a new file or link in place of the old one.
 */
export function watchConfig(
  file: string,
  world: { readonly clock: Clock; readonly timers: Timers; readonly log: Log },
  changed: () => void,
): Cancel {
  const { clock, timers, log } = world
  let seen = stampOf(file)
  let cancelLook: Cancel | undefined
  const look = () => {
    cancelLook = undefined
    const stamp = stampOf(file)
    if (stamp === seen) return
    seen = stamp
    changed()
  }
  const complain = (error: unknown) => {
    log.warn('changes of the config file are not noticed', { reason: messageOf(error), hint: 'reload with SIGHUP' })
  }
  try {
    const watcher = watch(dirname(file), { persistent: false }, () => {
      cancelLook ??= timers.at(clock.now() + settleMs, look)
    })
    watcher.on('error', complain)
    return () => {
      watcher.close()
      cancelLook?.()
    }
  } catch (error) {
    complain(error)
    return nothingToCancel
  }
}

/** Tells one state of a file from the next; empty when there is none. */
function stampOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false })
  return found === undefined ? '' : [found.ino, found.size, found.mtimeMs].join()
}
