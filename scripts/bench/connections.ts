/** What one run of the load measured; times in milliseconds. */
export interface Load {
  readonly requests: number
  readonly failures: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

/** When a load ends; the first of the two decides. */
export interface LoadEnd {
  readonly seconds: number
  readonly requests: number
}

/** Sends what `nextRequest` makes, over connections that have exactly one request under way each. */
export async function keepAsking(
  url: string,
  connections: number,
  until: LoadEnd,
  nextRequest: () => string,
  wantedStatus: number,
): Promise<Load> {
  const { hostname, port } = new URL(url)
  const startedAt = performance.now()
  const endsAt = startedAt + until.seconds * 1000
  const wanted = `HTTP/1.1 ${wantedStatus} `
  const times: number[] = []
  let failures = 0
  let asked = 0
  const connect = (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    let askedAt = 0
    let received = ''
    const next = (socket: Bun.Socket): void => {
      if (asked >= until.requests || performance.now() >= endsAt) {
        socket.end()
        return resolve()
      }
      asked++
      askedAt = performance.now()
      received = ''
      socket.write(nextRequest())
    }
    void Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        open: next,
        data(socket, chunk) {
          received += chunk.toString('latin1')
          const head = received.indexOf('\r\n\r\n')
          if (head < 0) return
          const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0)
          if (received.length < head + 4 + length) return
          times.push(performance.now() - askedAt)
          if (!received.startsWith(wanted)) failures++
          next(socket)
        },
        close: () => resolve(),
        error() {
          failures++
          resolve()
        },
      },
    })
    return promise
  }
  await Promise.all(Array.from({ length: connections }, connect))
  return summarize(times, failures, performance.now() - startedAt)
}

function summarize(times: readonly number[], failures: number, tookMs: number): Load {
  const sorted = Float64Array.from(times).toSorted()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return {
    requests: times.length,
    failures,
    perSecond: (times.length / tookMs) * 1000,
    p50: at(0.5),
    p99: at(0.99),
  }
}
