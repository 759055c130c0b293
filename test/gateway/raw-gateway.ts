import type { ServerWebSocket } from 'bun'
import { isObject } from '../../src/domain/json.ts'

type Params = Readonly<Record<string, unknown>>
type Answer = { readonly ok: true; readonly payload: object } | { readonly ok: false; readonly error: object }

export const users = ['operator.read', 'operator.write', 'operator.questions']

export const hello = (more: { scopes?: unknown; tickIntervalMs?: number } = {}): Answer => ({
  ok: true,
  payload: {
    type: 'hello-ok',
    server: { version: 'raw', bootId: 'raw-boot' },
    auth: { scopes: more.scopes ?? users },
    policy: { tickIntervalMs: more.tickIntervalMs ?? 30_000, maxPayload: 26_214_400 },
  },
})

/** A server for the gateway's frames without any behaviour: the test decides every answer. */
export interface RawGateway {
  readonly url: string
  /** The params of every connect received. */
  readonly connects: readonly Params[]
  /** Requests after the connect. The test answers them, or no one does. */
  readonly requests: readonly { readonly id: string; readonly method: string; readonly params: Params }[]
  send(frame: object): void
  /** Closes every connection with this code. */
  hangUp(code: number, reason: string): void
  close(): Promise<void>
}

/** `answer` decides each connect; undefined leaves it unanswered. */
export function openRawGateway(answer: (connect: Params, count: number) => Answer | undefined): RawGateway {
  const connects: Params[] = []
  const requests: { id: string; method: string; params: Params }[] = []
  const sockets = new Set<ServerWebSocket>()
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request, self) => (self.upgrade(request) ? undefined : new Response('', { status: 426 })),
    websocket: {
      open(socket) {
        sockets.add(socket)
        const payload = { nonce: `nonce-${connects.length}`, ts: 1_780_000_000_000 }
        socket.send(JSON.stringify({ type: 'event', event: 'connect.challenge', payload }))
      },
      message(socket, text) {
        const { id, method, params }: Record<string, unknown> = JSON.parse(String(text))
        const given = isObject(params) ? params : {}
        if (method !== 'connect') {
          requests.push({ id: String(id), method: String(method), params: given })
          return
        }
        connects.push(given)
        const decided = answer(given, connects.length)
        if (decided !== undefined) socket.send(JSON.stringify({ type: 'res', id, ...decided }))
        if (decided?.ok === false) socket.close(1008, 'refused')
      },
      close: socket => void sockets.delete(socket),
    },
  })
  return {
    url: `ws://127.0.0.1:${server.port}`,
    connects,
    requests,
    send(frame) {
      for (const socket of sockets) socket.send(JSON.stringify(frame))
    },
    hangUp(code, reason) {
      for (const socket of sockets) socket.close(code, reason)
    },
    close: () => server.stop(true),
  }
}
