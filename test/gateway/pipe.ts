import { connect, createServer, type Socket } from 'node:net'

export interface PipeOptions {
  /** So many connections are cut, each after `limitBytes` of the client; the later ones are whole. */
  readonly cuts?: number
  /** After `limitBytes` of the client nothing is taken any more until `release`. */
  readonly holds?: boolean
  readonly limitBytes: number
}

/** A TCP way to a port on this machine that breaks, or gets stuck, in the middle of what is sent over it. */
export async function openPipe(port: number, { cuts = 0, holds = false, limitBytes }: PipeOptions) {
  let connections = 0
  let returned = 0
  const held = new Set<Socket>()
  const server = createServer(client => {
    const isCut = ++connections <= cuts
    let taken = 0
    let isHeld = holds
    const far = connect(port, '127.0.0.1')
    far.on('data', bytes => {
      returned += bytes.length
      client.write(bytes)
    })
    client.on('data', bytes => {
      taken += bytes.length
      if (taken > limitBytes && isCut) {
        client.destroy()
        return
      }
      far.write(bytes)
      if (taken <= limitBytes || !isHeld) return
      isHeld = false
      held.add(client.pause())
    })
    for (const [one, other] of [
      [client, far],
      [far, client],
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
    /** Bytes that came back from the far end. */
    returned: () => returned,
    isHolding: () => held.size > 0,
    release() {
      for (const client of held) client.resume()
    },
    close: () => server.close(),
  }
}
