interface Frame {
  readonly type: string
  readonly id?: string
  readonly ok?: boolean
  readonly event?: string
  readonly seq?: number
  readonly payload?: Payload
  readonly error?: { readonly code: string; readonly message: string; readonly details?: Record<string, unknown> }
}

/** The fields that tests read. */
export type Payload = Readonly<Record<string, unknown>>

/** A minimal gateway client. It keeps every event, and each request is a promise. */
export interface GatewayClient {
  readonly hello: Payload
  readonly events: readonly Frame[]
  /** Rejects with the gateway's error; see `GatewayRefusal`. */
  request(method: string, params: object): Promise<Payload>
  /** The first event that `matches`, past or future. */
  event(matches: (payload: Payload, name: string) => boolean): Promise<Payload>
  close(): void
}

class GatewayRefusal extends Error {
  constructor(readonly error: NonNullable<Frame['error']>) {
    super(`${error.code}: ${error.message}`)
  }
}

/** Connects over loopback with the shared token. Default scopes: read and write. */
export function connectClient(
  gateway: { readonly url: string; readonly token: string },
  scopes: readonly string[] = ['operator.read', 'operator.write'],
): Promise<GatewayClient> {
  const socket = new WebSocket(gateway.url)
  const waiting = new Map<string, { resolve: (payload: Payload) => void; reject: (error: Error) => void }>()
  const watching = new Set<(frame: Frame) => void>()
  const events: Frame[] = []
  let sent = 0
  const request = (method: string, params: object) =>
    new Promise<Payload>((resolve, reject) => {
      const id = `c${++sent}`
      waiting.set(id, { resolve, reject })
      socket.send(JSON.stringify({ type: 'req', id, method, params }))
    })
  const event: GatewayClient['event'] = matches =>
    new Promise(resolve => {
      const look = (frame: Frame) => {
        if (!matches(frame.payload ?? {}, frame.event ?? '')) return
        watching.delete(look)
        resolve(frame.payload ?? {})
      }
      watching.add(look)
      for (const frame of events) look(frame)
    })
  return new Promise((resolve, reject) => {
    socket.addEventListener('close', ({ code, reason }) => {
      const error = new Error(`the gateway closed the connection: ${code} ${reason}`)
      for (const one of waiting.values()) one.reject(error)
      reject(error)
    })
    socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
      const frame: Frame = JSON.parse(data)
      if (frame.event === 'connect.challenge') {
        request('connect', connectParams(gateway.token, scopes)).then(
          hello => resolve({ hello, events, request, event, close: () => socket.close() }),
          reject,
        )
      } else if (frame.type === 'event') {
        events.push(frame)
        for (const look of watching) look(frame)
      } else {
        const one = waiting.get(frame.id ?? '')
        waiting.delete(frame.id ?? '')
        if (frame.error) one?.reject(new GatewayRefusal(frame.error))
        else one?.resolve(frame.payload ?? {})
      }
    })
  })
}

function connectParams(token: string, scopes: readonly string[]): object {
  const client = { id: 'gateway-client', displayName: 'wecomd test', version: '0', platform: 'linux', mode: 'backend' }
  const params = { minProtocol: 3, maxProtocol: 4, client, role: 'operator', scopes, caps: ['tool-events'] }
  return { ...params, auth: { token } }
}
