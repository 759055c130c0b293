import type { ServerWebSocket } from 'bun'
import { afterEach } from 'bun:test'

interface Line {
  readonly id: number
  target: WebSocket
  readonly unsent: string[]
}

/** A reverse proxy in front of the gateway. It can cut all connections and make its clients look remote. */
export interface Front {
  readonly url: string
  cut(): void
  close(): void
}

/** Called for every frame, with the number of its connection. */
export type OnFrame = (line: number, from: 'client' | 'gateway', text: string) => void

/** `openFront` for the tests of a file: what a test opens is closed after it. */
export function useFronts(): typeof openFront {
  const opened: Front[] = []
  afterEach(() => {
    for (const front of opened.splice(0)) front.close()
  })
  return (...call) => {
    const front = openFront(...call)
    opened.push(front)
    return front
  }
}

export function openFront(
  gatewayUrl: string,
  headers: Readonly<Record<string, string>> = {},
  onFrame: OnFrame = () => {},
): Front {
  const lines = new Set<ServerWebSocket<Line>>()
  let last = 0
  const server = Bun.serve<Line>({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request, self) {
      const data: Line = { id: ++last, target: new WebSocket(gatewayUrl, { headers: { ...headers } }), unsent: [] }
      return self.upgrade(request, { data }) ? undefined : new Response('', { status: 426 })
    },
    websocket: {
      maxPayloadLength: 32 * 1024 * 1024,
      open(line) {
        lines.add(line)
        const { id, target, unsent } = line.data
        target.addEventListener('open', () => {
          for (const text of unsent.splice(0)) target.send(text)
        })
        target.addEventListener('message', ({ data }) => {
          onFrame(id, 'gateway', String(data))
          line.send(String(data))
        })
        target.addEventListener('close', ({ code }) => line.close(code >= 1000 && code !== 1006 ? code : 1011))
      },
      message(line, text) {
        const { id, target, unsent } = line.data
        onFrame(id, 'client', String(text))
        if (target.readyState === WebSocket.OPEN) target.send(String(text))
        else unsent.push(String(text))
      },
      close(line) {
        lines.delete(line)
        line.data.target.close()
      },
    },
  })
  return {
    url: `ws://127.0.0.1:${server.port}`,
    cut() {
      for (const line of lines) line.terminate()
    },
    close: () => void server.stop(true),
  }
}
