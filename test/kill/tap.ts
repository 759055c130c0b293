import type { ServerWebSocket } from 'bun'
import { isObject, parseObject } from '../../src/domain/json.ts'

/** A frame on its way between daemon and gateway. `name` is the method of a request and of its answer, or the event. */
export interface TapFrame {
  readonly kind: 'request' | 'answer' | 'event'
  readonly name: string
  /** `params` or `payload`. */
  readonly content: Readonly<Record<string, unknown>>
}

/** A way to the gateway on which the world can be stopped at a frame. */
export interface Tap {
  readonly url: string
  /**
   * From the first frame that `matches` on nothing passes any more, in no direction; resolves when that frame came. What
   * was held back is lost with its connection.
   */
  stopAt(matches: (frame: TapFrame) => boolean): Promise<TapFrame>
  /** New connections pass again. */
  release(): void
  close(): void
}

interface Line {
  readonly behind: WebSocket
  readonly unsent: string[]
  /** Request id -> method. */
  readonly asked: Map<string, string>
}

interface Stop {
  readonly matches: (frame: TapFrame) => boolean
  readonly came: PromiseWithResolvers<TapFrame>
  isOn: boolean
}

export function openTap(gatewayUrl: string): Tap {
  let stop: Stop | undefined
  const passes = (line: Line, text: string): boolean => {
    if (stop?.isOn) return false
    const frame = readFrame(line, text)
    if (frame === undefined || stop?.matches(frame) !== true) return true
    stop.isOn = true
    stop.came.resolve(frame)
    return false
  }
  const server = Bun.serve<Line>({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request, self) {
      const data: Line = { behind: new WebSocket(gatewayUrl), unsent: [], asked: new Map() }
      return self.upgrade(request, { data }) ? undefined : new Response('', { status: 426 })
    },
    websocket: {
      maxPayloadLength: 32 * 1024 * 1024,
      open: socket => join(socket, passes),
      message(socket, text) {
        const { behind, unsent } = socket.data
        if (!passes(socket.data, String(text))) return
        if (behind.readyState === WebSocket.OPEN) behind.send(String(text))
        else unsent.push(String(text))
      },
      close: socket => socket.data.behind.close(),
    },
  })
  return {
    url: `ws://127.0.0.1:${server.port}`,
    stopAt(matches) {
      stop = { matches, came: Promise.withResolvers<TapFrame>(), isOn: false }
      return stop.came.promise
    },
    release() {
      stop = undefined
    },
    close: () => void server.stop(true),
  }
}

/** Passes on what the gateway says, and its close. */
function join(socket: ServerWebSocket<Line>, passes: (line: Line, text: string) => boolean): void {
  const { behind, unsent } = socket.data
  behind.addEventListener('open', () => {
    for (const text of unsent.splice(0)) behind.send(text)
  })
  behind.addEventListener('message', ({ data }) => {
    if (passes(socket.data, String(data))) socket.send(String(data))
  })
  behind.addEventListener('close', () => socket.terminate())
}

function readFrame({ asked }: Line, text: string): TapFrame | undefined {
  const frame = parseObject(text) ?? {}
  const { id, method, event, params, payload } = frame
  if (typeof id === 'string' && typeof method === 'string') {
    asked.set(id, method)
    return { kind: 'request', name: method, content: isObject(params) ? params : {} }
  }
  const content = isObject(payload) ? payload : {}
  if (typeof id === 'string') return { kind: 'answer', name: asked.get(id) ?? '', content }
  return typeof event === 'string' ? { kind: 'event', name: event, content } : undefined
}
