export interface Frame {
  readonly type: string
  readonly id?: string
  readonly event?: string
  readonly ok?: boolean
  readonly seq?: number
  readonly payload?: Record<string, unknown>
  readonly error?: { code: string; message: string; details?: Record<string, unknown> }
}

/** A raw WebSocket client of the gateway. It records every frame, and a test can wait for one. */
export class GatewayClient {
  readonly frames: Frame[] = []
  readonly closed: Promise<{ code: number; reason: string }>
  private readonly socket: WebSocket
  private readonly waiters = new Set<() => void>()
  private requests = 0

  constructor(url: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(url, { headers })
    this.socket.addEventListener('message', message => {
      this.frames.push(JSON.parse(String(message.data)))
      for (const wake of this.waiters) wake()
    })
    this.closed = new Promise(resolve => {
      this.socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }))
    })
  }

  /** Resolves to the first matching frame, already received or not. */
  frame(fits: (frame: Frame) => boolean): Promise<Frame> {
    return new Promise(resolve => {
      const look = () => {
        const found = this.frames.find(fits)
        if (!found) return
        this.waiters.delete(look)
        resolve(found)
      }
      this.waiters.add(look)
      look()
    })
  }

  async request(method: string, params: object = {}): Promise<Frame> {
    const id = `r${++this.requests}`
    this.socket.send(JSON.stringify({ type: 'req', id, method, params }))
    return await this.frame(frame => frame.type === 'res' && frame.id === id)
  }

  async challenge(): Promise<{ nonce: string; ts: number }> {
    const { payload } = await this.frame(frame => frame.event === 'connect.challenge')
    return { nonce: String(payload?.['nonce']), ts: Number(payload?.['ts']) }
  }

  async connect(token: string, more: object = {}): Promise<Frame> {
    await this.challenge()
    return await this.request('connect', { ...connectParams(token), ...more })
  }

  chat(runId: string, state: string): Promise<Frame> {
    return this.frame(
      ({ event, payload }) => event === 'chat' && payload?.['runId'] === runId && payload['state'] === state,
    )
  }

  chats(runId: string): Frame[] {
    return this.frames.filter(({ event, payload }) => event === 'chat' && payload?.['runId'] === runId)
  }

  close(): void {
    this.socket.close()
  }
}

export function connectParams(token: string) {
  return {
    minProtocol: 3,
    maxProtocol: 4,
    client: { id: 'gateway-client', displayName: 'wecomd', version: '0.0.1', platform: 'linux', mode: 'backend' },
    role: 'operator',
    scopes: ['operator.read', 'operator.write'],
    caps: ['tool-events'],
    auth: { token },
  }
}

/** The cumulative text of a chat event. */
export function textOf(frame: Frame): string | undefined {
  const message = frame.payload?.['message'] as { content: { text: string }[] } | undefined
  return message?.content.map(part => part.text).join('')
}
