import { dlopen, FFIType, ptr } from 'bun:ffi'
import { until } from './until.ts'

const addressFamilyUnix = 1
const datagram = 2
const doNotWait = 0x40
const { i32, i64, u32, u64 } = FFIType

/** The socket on which systemd listens to its services: keeps every datagram. */
export interface NotifySocket {
  readonly heard: readonly string[]
  /** Resolves when this state was heard at least so often. */
  hear(state: string, times?: number): Promise<void>
  close(): void
}

/** `path` as in `$NOTIFY_SOCKET`: a file, or an abstract name that begins with `@`. */
export function openNotifySocket(path: string): NotifySocket {
  const { symbols } = dlopen('libc.so.6', {
    socket: { args: [i32, i32, i32], returns: i32 },
    bind: { args: [i32, FFIType.ptr, u32], returns: i32 },
    recv: { args: [i32, FFIType.ptr, u64, i32], returns: i64 },
    close: { args: [i32], returns: i32 },
  })
  const socket = symbols.socket(addressFamilyUnix, datagram, 0)
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`)
  const address = Buffer.concat([Buffer.from([addressFamilyUnix, 0]), name])
  if (symbols.bind(socket, ptr(address), address.length) !== 0) throw new Error(`cannot bind ${path}`)
  const heard: string[] = []
  const read = () => {
    const space = Buffer.alloc(256)
    for (let size = 1; size > 0; ) {
      size = Number(symbols.recv(socket, ptr(space), space.length, doNotWait))
      if (size > 0) heard.push(space.toString('utf8', 0, size))
    }
    return heard
  }
  return {
    get heard() {
      return read()
    },
    async hear(state, times = 1) {
      await until(`${times} times ${state}`, () => read().filter(one => one === state).length >= times)
    },
    close: () => void symbols.close(socket),
  }
}
