import { connect, createServer, type Socket } from 'node:net'

export interface PipeOptions {
  /** The number of connections to cut, each after `limitBytes` from the client. Later ones are left alone. */
  readonly cuts?: number
  /** After `limitBytes` from the client, nothing more is read until `release`. */
  readonly stalls?: boolean
  readonly limitBytes: number
}

/** A TCP proxy to a local port that breaks or stalls in the middle of a transfer. */
export async function openPipe(port: number, { cuts = 0, stalls = false, limitBytes }: PipeOptions) {
  let connections = 0
  let returned = 0
  const stalled = new Set<Socket>()
  const server = createServer(client => {
    const isCut = ++connections <= cuts
    let received = 0
    let canStall = stalls
    const target = connect(port, '127.0.0.1')
    target.on('data', bytes => {
      returned += bytes.length
      client.write(bytes)
    })
    client.on('data', bytes => {
      received += bytes.length
      if (received > limitBytes && isCut) {
        client.destroy()
        return
      }
      target.write(bytes)
      if (received <= limitBytes || !canStall) return
      canStall = false
      stalled.add(client.pause())
    })
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `ws://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    connections: () => connections,
    /** Bytes sent back by the target. */
    returned: () => returned,
    isStalled: () => stalled.size > 0,
    release() {
      for (const client of stalled) client.resume()
    },
    close: () => server.close(),
  }
}
