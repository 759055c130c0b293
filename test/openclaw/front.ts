import type { ServerWebSocket } from 'bun'

interface Line {
  behind: WebSocket
  readonly unsent: string[]
}

/** A reverse proxy before the gateway: it can cut every connection, and make its clients look remote. */
export interface Front {
  readonly url: string
  cut(): void
  close(): void
}

export function openFront(gatewayUrl: string, headers: Readonly<Record<string, string>> = {}): Front {
  const lines = new Set<ServerWebSocket<Line>>()
  const server = Bun.serve<Line>({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request, self) {
      const data: Line = { behind: new WebSocket(gatewayUrl, { headers: { ...headers } }), unsent: [] }
      return self.upgrade(request, { data }) ? undefined : new Response('', { status: 426 })
    },
    websocket: {
      maxPayloadLength: 32 * 1024 * 1024,
      open(line) {
        lines.add(line)
        const { behind, unsent } = line.data
        behind.addEventListener('open', () => {
          for (const text of unsent.splice(0)) behind.send(text)
        })
        behind.addEventListener('message', ({ data }) => void line.send(String(data)))
        behind.addEventListener('close', ({ code }) => line.close(code >= 1000 && code !== 1006 ? code : 1011))
      },
      message(line, text) {
        const { behind, unsent } = line.data
        if (behind.readyState === WebSocket.OPEN) behind.send(String(text))
        else unsent.push(String(text))
      },
      close(line) {
        lines.delete(line)
        line.data.behind.close()
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
