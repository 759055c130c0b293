import { dlopen, FFIType, ptr } from 'bun:ffi'
import { nothingToCancel, type World } from '../world.ts'

/** Tells systemd how we are (sd_notify); does nothing where nobody listens. */
export interface Notifier {
  ready(): void
  /** A reload begins, and is over. */
  reloading(): void
  reloaded(): void
  stopping(): void
}

const addressFamilyUnix = 1
const datagram = 2
const reloadingState = 'RELOADING=1'
const monotonicClock = 1
const libraries = ['libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1']

/**
 * Speaks to `$NOTIFY_SOCKET` and keeps the watchdog of `$WATCHDOG_USEC` fed. Bun has no datagram sockets of this kind,
 * so libc is called; where that is forbidden (MemoryDenyWriteExecute) the `systemd-notify` program stands in.
 */
export function openNotifier(
  env: Readonly<Record<string, string | undefined>>,
  world: World,
  openSocket: OpenSender = openSocketSender,
): Notifier {
  const path = env['NOTIFY_SOCKET']
  if (path === undefined || path === '') return { ready() {}, reloading() {}, reloaded() {}, stopping() {} }
  const send = openSender(path, world, openSocket)
  let cancelWatchdog = nothingToCancel
  const periodMs = Number(env['WATCHDOG_USEC'] ?? 0) / 2000
  const feed = (): void => {
    send('WATCHDOG=1')
    cancelWatchdog = world.clock.alarm(world.clock.now() + periodMs, feed)
  }
  return {
    ready() {
      send('READY=1')
      if (periodMs > 0) feed()
    },
    reloading: () => send(reloadingState),
    reloaded: () => send('READY=1'),
    stopping() {
      cancelWatchdog()
      send('STOPPING=1')
    },
  }
}

/** Opens the way to the socket at `path`; what it returns sends one state. */
type OpenSender = (path: string) => (state: string) => void

function openSender(path: string, world: World, openSocket: OpenSender): (state: string) => void {
  try {
    return openSocket(path)
  } catch (error) {
    const program = Bun.which('systemd-notify')
    if (program === null) {
      world.log.warn('systemd cannot be told how we are', { reason: String(error), hint: 'install systemd-notify' })
      return () => {}
    }
    world.log.info('systemd is told by systemd-notify', { reason: String(error) })
    return state => void Bun.spawn([program, state], { stdio: ['ignore', 'ignore', 'ignore'] })
  }
}

function openSocketSender(path: string): (state: string) => void {
  const { symbols } = openLibc()
  const socket = symbols.socket(addressFamilyUnix, datagram, 0)
  if (socket < 0) throw new Error('no unix socket')
  // sockaddr_un: the family in host order, then the path; an abstract one begins with a NUL instead of the @.
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`)
  const address = Buffer.concat([Buffer.from([addressFamilyUnix, 0]), name])
  const monotonicUs = () => {
    const time = new BigInt64Array(2) // what a timespec is on every target of ours
    symbols.clock_gettime(monotonicClock, ptr(time))
    const [seconds = 0n, nanoseconds = 0n] = time
    return seconds * 1_000_000n + nanoseconds / 1_000n
  }
  return state => {
    // `Type=notify-reload` wants to know when a reload began, to tell it from the one before.
    const message = Buffer.from(state === reloadingState ? `${state}\nMONOTONIC_USEC=${monotonicUs()}` : state)
    symbols.sendto(socket, ptr(message), message.length, 0, ptr(address), address.length)
  }
}

function openLibc() {
  const symbols = {
    socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    sendto: {
      args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32, FFIType.ptr, FFIType.u32],
      returns: FFIType.i64,
    },
    clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  } as const
  for (const library of libraries) {
    try {
      return dlopen(library, symbols)
    } catch {
      // another C library; the next name may be the right one
    }
  }
  throw new Error('libc was not found')
}
