import { dlopen, FFIType, ptr } from 'bun:ffi'
import { nothingToCancel, type World } from '../world.ts'

/** Reports the state of the daemon to systemd (sd_notify). Does nothing without systemd. */
export interface Notifier {
  ready(): void
  /** Call when a reload begins, and `reloaded` when it has ended. */
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
 * Creates a notifier for `$NOTIFY_SOCKET` that also sends the keep-alive for `$WATCHDOG_USEC`. Bun has no Unix datagram sockets,
 * so it calls libc. If FFI is forbidden (MemoryDenyWriteExecute), it falls back to the `systemd-notify` program.
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

/** Opens the socket at `path` and returns a function that sends one state to it. */
type OpenSender = (path: string) => (state: string) => void

function openSender(path: string, world: World, openSocket: OpenSender): (state: string) => void {
  try {
    return openSocket(path)
  } catch (error) {
    const program = Bun.which('systemd-notify')
    if (program === null) {
      world.log.warn('cannot notify systemd', { reason: String(error), hint: 'install systemd-notify' })
      return () => {}
    }
    world.log.info('notifying systemd through systemd-notify', { reason: String(error) })
    return state => void Bun.spawn([program, state], { stdio: ['ignore', 'ignore', 'ignore'] })
  }
}

function openSocketSender(path: string): (state: string) => void {
  const { symbols } = openLibc()
  const socket = symbols.socket(addressFamilyUnix, datagram, 0)
  if (socket < 0) throw new Error('cannot create a Unix socket')
  // sockaddr_un: the family in host order, then the path. An abstract path starts with NUL instead of @.
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`)
  const address = Buffer.concat([Buffer.from([addressFamilyUnix, 0]), name])
  const monotonicUs = () => {
    const time = new BigInt64Array(2) // the layout of timespec on all supported targets
    symbols.clock_gettime(monotonicClock, ptr(time))
    const [seconds = 0n, nanoseconds = 0n] = time
    return seconds * 1_000_000n + nanoseconds / 1_000n
  }
  return state => {
    // `Type=notify-reload` requires the start time, to distinguish this reload from an earlier one.
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
      // not this C library; try the next name
    }
  }
  throw new Error('libc not found')
}
