import type { ServerWebSocket } from 'bun'
import type { World } from '../../world.ts'
import { type CancellableClock, cancellableClock } from '../alarms.ts'
import { EchoAgents } from './agents.ts'
import { EchoApprovals } from './approvals.ts'
import { EchoQuestions } from './questions.ts'
import { type ChatSend, EchoChat } from './runs/chat.ts'
import { type RpcAnswer, checkRequest, methodNames, type Params, parseRequest, type Request, refuse } from './frames.ts'
import { acceptConnect, type Devices } from './handshake.ts'
import type { Disk } from './runs/history.ts'
import { imageLimitBytes } from './files/media.ts'
import { callMethod } from './methods.ts'
import { echoScript, type Script } from './runs/script.ts'

export interface BootOptions {
  readonly token: string
  readonly script?: Script
  readonly tickMs?: number
  /** `required`: a device can connect only after `approve(requestId)`. */
  readonly pairing?: 'silent' | 'required'
  /** How long `connect` answers UNAVAILABLE after a start. */
  readonly startingMs?: number
  /** Delay after which a new boot resumes interrupted turns; `false`: never. */
  readonly resumeAfterMs?: number | false
  readonly drainMs?: number
  /** Time from the acknowledgement of a message to its row in the history (150-300 ms in OpenClaw). A kill in between loses it. */
  readonly rowAfterMs?: number
  /** The permission mode that `agents.list` reports. */
  readonly permissionMode?: 'full' | 'guarded'
  /** Delay before a new agent is known; 50 ms by default. */
  readonly reloadMs?: number
  /** Delay from the end of a run to the files in its row; 200 ms by default. */
  readonly filesAfterMs?: number
  /** Replaces the response to a file download, so that a test can break it. `count` starts at 1. */
  readonly interceptFile?: (answer: Response, count: number) => Response
  /** Awaited before a request is handled and before its response is sent, so that a test can pause or act there. */
  readonly intercept?: (stage: 'received' | 'answered', method: string, params: Params) => void | Promise<void>
}

interface Peer {
  readonly origin: string | null
  readonly nonce: string
  readonly openedAt: number
  scopes?: readonly string[]
  caps: readonly string[]
  seq: number
  cancelTimeout: () => void
}

type PeerSocket = ServerWebSocket<Peer>

const handshakeMs = 15_000

/** One run of the gateway process, from start to stop or kill. */
export class Boot {
  readonly bootId: string
  readonly port: number
  readonly chat: EchoChat
  readonly agents: EchoAgents
  readonly approvals: EchoApprovals
  readonly questions: EchoQuestions
  private readonly server: Bun.Server<Peer>
  private readonly sockets = new Set<PeerSocket>()
  private readonly startedAt: number
  private readonly clock: CancellableClock
  private draining = false
  private fileGets = 0
  private dead = false

  constructor(
    private readonly world: World,
    private readonly options: BootOptions & { readonly port: number },
    readonly disk: Disk,
    private readonly devices: Devices,
    asked: ChatSend[],
  ) {
    this.bootId = this.newId()
    this.clock = cancellableClock(world.clock)
    this.startedAt = this.clock.now()
    const { resumeAfterMs = 200, rowAfterMs = 0, filesAfterMs = 200 } = options
    this.agents = new EchoAgents({
      clock: this.clock,
      disk,
      reloadMs: options.reloadMs ?? 50,
      permissionMode: options.permissionMode,
      onReload: () => {
        this.chat.supersede()
        this.broadcast('config.changed', { ts: this.clock.now() }, false)
      },
    })
    this.approvals = new EchoApprovals({
      clock: this.clock,
      emit: (event, payload) => this.sendTo(isApprover, event, payload),
      newId: () => this.newId(),
      hasApprover: () => [...this.sockets].some(isApprover),
    })
    this.questions = new EchoQuestions({
      clock: this.clock,
      emit: (event, payload) => this.sendTo(hasQuestions, event, payload),
      newId: () => this.newId(),
    })
    this.chat = new EchoChat({
      clock: this.clock,
      disk,
      script: options.script ?? echoScript,
      newId: () => this.newId(),
      approvals: this.approvals,
      questions: this.questions,
      isKnownAgent: id => this.agents.isKnown(id),
      emit: (event, payload, toolsOnly = false) => this.broadcast(event, payload, toolsOnly),
      rowAfterMs,
      filesAfterMs,
      resumes: resumeAfterMs !== false,
      onAsked: one => asked.push({ ...one, bootId: this.bootId }),
    })
    this.server = this.listen()
    this.port = this.server.port ?? options.port
    this.tick()
    if (resumeAfterMs !== false) this.after(resumeAfterMs, () => this.chat.resume())
  }

  connections(): number {
    return this.sockets.size
  }

  dropConnections(): void {
    for (const socket of this.sockets) socket.terminate()
  }

  async stop(): Promise<void> {
    if (this.dead) return
    this.draining = true
    const limit = new Promise(resolve => this.after(this.options.drainMs ?? 10_000, () => resolve(undefined)))
    await Promise.race([this.chat.drain(), limit])
    this.broadcast('shutdown', { reason: 'gateway stopping' }, false)
    this.chat.interrupt()
    for (const socket of this.sockets) socket.close(1012, 'service restart')
    await this.end()
  }

  async kill(): Promise<void> {
    if (this.dead) return
    this.dropConnections()
    await this.end()
  }

  private async end(): Promise<void> {
    this.dead = true
    this.chat.cut()
    this.clock.cancelAll()
    await this.server.stop(true)
  }

  private listen(): Bun.Server<Peer> {
    return Bun.serve<Peer>({
      hostname: '127.0.0.1',
      port: this.options.port,
      fetch: (request, server) => {
        const url = new URL(request.url)
        if (url.pathname === '/healthz' || url.pathname === '/readyz') return Response.json({ ok: true })
        if (this.draining) return new Response('', { status: 503 })
        const file = this.chat.files.serve(url)
        if (file !== undefined) return this.options.interceptFile?.(file, ++this.fileGets) ?? file
        const data = this.newPeer(request.headers.get('origin'))
        return server.upgrade(request, { data }) ? undefined : new Response('upgrade required', { status: 426 })
      },
      websocket: {
        maxPayloadLength: 26_214_400,
        open: socket => this.opened(socket),
        message: (socket, text) => void this.receive(socket, String(text)),
        close: socket => {
          socket.data.cancelTimeout()
          this.sockets.delete(socket)
        },
      },
    })
  }

  private newPeer(origin: string | null): Peer {
    return { origin, nonce: this.newId(), openedAt: this.clock.now(), caps: [], seq: 0, cancelTimeout: () => {} }
  }

  private opened(socket: PeerSocket): void {
    this.sockets.add(socket)
    const { nonce, openedAt } = socket.data
    socket.data.cancelTimeout = this.clock.alarm(openedAt + handshakeMs, () => socket.close(1008, 'handshake timeout'))
    const payload = { nonce, ts: openedAt, capabilities: [] }
    socket.send(JSON.stringify({ type: 'event', event: 'connect.challenge', payload }))
  }

  private async receive(socket: PeerSocket, text: string): Promise<void> {
    const request = parseRequest(text)
    if (!request) return socket.close(1008, 'invalid request frame')
    await this.options.intercept?.('received', request.method, request.params)
    if (this.dead || !this.sockets.has(socket)) return
    const answer = socket.data.scopes ? await this.answer(request, socket.data.scopes) : this.connect(socket, request)
    await this.options.intercept?.('answered', request.method, request.params)
    if (this.dead || !this.sockets.has(socket)) return
    const { id } = request
    if (answer.ok) return void socket.send(JSON.stringify({ type: 'res', id, ok: true, payload: answer.payload }))
    socket.send(JSON.stringify({ type: 'res', id, ok: false, error: answer.error }))
    if (answer.closeCode !== undefined) socket.close(answer.closeCode, answer.error.message)
  }

  private connect(socket: PeerSocket, { method, params }: Request): RpcAnswer {
    if (method !== 'connect')
      return refuse('INVALID_REQUEST', 'invalid handshake: first request must be connect', {}, 1008)
    if (this.clock.now() < this.startedAt + (this.options.startingMs ?? 0)) {
      const more = { retryable: true, retryAfterMs: 500, details: { reason: 'startup-sidecars' } }
      return refuse('UNAVAILABLE', 'gateway starting; retry shortly', more, 1013)
    }
    const { nonce, openedAt, origin } = socket.data
    const { token, pairing = 'silent' } = this.options
    const rules = { token, pairing, devices: this.devices, random: this.world.random }
    const admitted = acceptConnect(params, { nonce, ts: openedAt }, origin, rules)
    if (!admitted.ok) return admitted
    socket.data.cancelTimeout()
    socket.data.scopes = admitted.scopes
    socket.data.caps = admitted.caps
    return { ok: true, payload: this.hello(admitted.auth) }
  }

  private hello(auth: object): object {
    return {
      type: 'hello-ok',
      protocol: 4,
      server: { version: '2026.9.6', buildId: 'echo', bootId: this.bootId, connId: this.newId() },
      features: {
        methods: methodNames,
        events: ['connect.challenge', 'agent', 'chat', 'tick', 'shutdown'],
        capabilities: [],
      },
      snapshot: { presence: [], health: {}, uptimeMs: this.clock.now() - this.startedAt, authMode: 'token' },
      auth,
      policy: {
        maxPayload: 26_214_400,
        maxBufferedBytes: 52_428_800,
        tickIntervalMs: this.options.tickMs ?? 30_000,
        attachments: { maxBytes: 19_464_192, maxImageBytes: imageLimitBytes },
      },
    }
  }

  private async answer(request: Request, scopes: readonly string[]): Promise<RpcAnswer> {
    const refusal = checkRequest(request, scopes)
    if (refusal) return refusal
    const { method } = request
    if (this.draining) {
      const details = { method, reason: 'gateway-restarting', phase: 'accepting' }
      const more = { retryable: true, retryAfterMs: 1000, details }
      return refuse('UNAVAILABLE', `${method} unavailable during gateway restart`, more)
    }
    return await callMethod(request, this, scopes)
  }

  private broadcast(event: string, payload: object, toolsOnly: boolean): void {
    if (this.dead) return
    for (const socket of this.sockets) {
      const { scopes, caps } = socket.data
      if (!scopes || (scopes.length === 0 && event !== 'tick' && event !== 'shutdown')) continue
      if (toolsOnly && !caps.includes('tool-events')) continue
      this.sendEvent(socket, event, payload)
    }
  }

  private sendTo(isMeant: (socket: PeerSocket) => boolean, event: string, payload: object): void {
    for (const socket of this.sockets) if (isMeant(socket)) this.sendEvent(socket, event, payload)
  }

  private sendEvent(socket: PeerSocket, event: string, payload: object): void {
    socket.send(JSON.stringify({ type: 'event', event, payload, seq: ++socket.data.seq }))
  }

  private tick(): void {
    this.after(this.options.tickMs ?? 30_000, () => {
      this.broadcast('tick', { ts: this.clock.now() }, false)
      this.tick()
    })
  }

  private after(ms: number, ring: () => void): void {
    this.clock.alarm(this.clock.now() + ms, ring)
  }

  private newId(): string {
    const hex = Buffer.from(this.world.random.bytes(16)).toString('hex')
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  }
}

/** True for a client that can approve commands. */
function isApprover({ data: { scopes = [], caps } }: PeerSocket): boolean {
  const mayAnswer = scopes.includes('operator.admin') || scopes.includes('operator.approvals')
  return mayAnswer && (caps.includes('exec-approvals') || caps.includes('approvals'))
}

function hasQuestions({ data: { scopes = [] } }: PeerSocket): boolean {
  return scopes.includes('operator.admin') || scopes.includes('operator.questions')
}
