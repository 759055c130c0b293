import { type CancellableClock, cancellableClock } from '../../src/playground/alarms.ts'
import { EchoAgents } from '../../src/playground/gateway/agents.ts'
import { EchoApprovals } from '../../src/playground/gateway/approvals.ts'
import { EchoQuestions } from '../../src/playground/gateway/questions.ts'
import { EchoChat } from '../../src/playground/gateway/runs/chat.ts'
import { parseRequest } from '../../src/playground/gateway/frames.ts'
import type { Disk } from '../../src/playground/gateway/runs/history.ts'
import { callMethod } from '../../src/playground/gateway/methods.ts'
import type { SocketEvents } from '../../src/world.ts'
import { Line } from './line.ts'
import { marksOf, type Replies } from './replies.ts'
import type { Scene } from './scene.ts'

const tickMs = 30_000

interface Boot {
  readonly id: string
  readonly chat: EchoChat
  readonly agents: EchoAgents
  readonly approvals: EchoApprovals
  readonly questions: EchoQuestions
  readonly clock: CancellableClock
}

/** A question that the gateway accepted. */
export interface Asked {
  /** Without the suffix `#2` of a question that continues under another key. */
  readonly key: string
  readonly sessionKey: string
  readonly bootId: string
  readonly marks: readonly string[]
}

/** The gateway: the sessions of the echo gateway, with restarts and connections that break. */
export class SimulatedGateway {
  readonly asked: Asked[] = []
  /** True after a fault. Then a question may end differently than its reply in `Replies`. */
  wasDisturbed = false
  slowMs = 0
  private readonly scene: Scene
  private readonly replies: Replies
  private readonly disk: Disk = { sessions: new Map(), agents: new Map([['main', new Map()]]) }
  private readonly lines = new Set<Line>()
  private boot: Boot | undefined
  private boots = 0
  private ids = 0

  constructor(scene: Scene, replies: Replies) {
    this.scene = scene
    this.replies = replies
    this.start()
  }

  get isUp(): boolean {
    return this.boot !== undefined
  }

  start(): void {
    const { clock: hostClock, dice } = this.scene
    if (this.boot !== undefined) return
    const clock = cancellableClock(hostClock.steady)
    const id = `boot-${++this.boots}`
    const newId = () => `id-${++this.ids}`
    const approvals = new EchoApprovals({ clock, emit: () => {}, newId, hasApprover: () => false })
    const questions = new EchoQuestions({ clock, emit: () => {}, newId })
    const chat = new EchoChat({
      clock,
      disk: this.disk,
      script: message => this.replies.to(message).steps,
      emit: (event, payload) => this.broadcast(event, payload),
      newId,
      approvals,
      questions,
      isKnownAgent: () => true,
      onAsked: ({ key, sessionKey, text }) =>
        this.recordAsked({ key: turnOf(key), sessionKey, bootId: id, marks: marksOf(text) }),
      rowAfterMs: dice.between(0, 300),
      filesAfterMs: 200,
      resumes: dice.chance(0.8),
    })
    const agents = new EchoAgents({ clock, disk: this.disk, reloadMs: 50, onReload() {} })
    this.boot = { id, chat, agents, approvals, questions, clock }
    clock.alarm(clock.now() + dice.between(0, 3_000), () => chat.resume())
    this.tick(this.boot)
    this.scene.note(`gateway: ${id}`)
  }

  /** kill -9. */
  kill(): void {
    if (this.boot === undefined) return
    this.scene.count('gateway killed')
    this.scene.note('gateway: killed')
    this.wasDisturbed = true
    this.end(this.boot, 1006)
  }

  /** SIGTERM: running answers may finish, for at most 12 s. */
  stop(): void {
    const { boot, scene } = this
    if (boot === undefined) return
    scene.count('gateway stopped')
    scene.note('gateway: stopping')
    this.wasDisturbed = true
    const leave = () => {
      if (this.boot !== boot) return
      boot.chat.interrupt()
      this.end(boot, 1012)
    }
    void boot.chat.drain().then(leave)
    boot.clock.alarm(boot.clock.now() + 12_000, leave)
  }

  private end(boot: Boot, code: number): void {
    boot.chat.cut()
    boot.clock.cancelAll()
    this.boot = undefined
    for (const line of this.lines) line.close(code)
  }

  cutConnections(): void {
    this.scene.count('connection cut')
    for (const line of this.lines) line.close(1006)
  }

  /** The network drops everything on the current connections. */
  dropFrames(): void {
    this.scene.count('connection silent')
    for (const line of this.lines) line.isSilent = true
  }

  /** Another client, such as a cron job, asks in one of our sessions. */
  askAsOther(sessionKey: string, text: string): void {
    const key = `other:${++this.ids}`
    this.boot?.chat.send({ sessionKey, message: text, idempotencyKey: key, queueMode: 'followup' })
    this.scene.note(`gateway: another client asks in ${sessionKey}`)
    this.scene.count('session used by another client')
  }

  /** Another client aborts the run in one of our sessions. */
  abortAsOther(sessionKey: string): void {
    this.boot?.chat.abort({ sessionKey })
    this.wasDisturbed = true
    this.scene.count('stopped by another client')
  }

  /** The number of rows of this question in the history. */
  rowsOf(key: string): number {
    const rows = [...this.disk.sessions.values()].flatMap(session => session.rows)
    return rows.filter(({ idempotencyKey = '' }) => turnOf(idempotencyKey.replace(/:user$/, '')) === key).length
  }

  connect(client: SocketEvents): Line {
    const { clock, dice } = this.scene
    const delayMs = () => dice.between(0, 40) + (this.slowMs > 0 ? dice.below(this.slowMs) : 0)
    const line = new Line(clock.steady, delayMs, client, closed => this.lines.delete(closed))
    this.lines.add(line)
    if (this.boot === undefined) line.close(1006)
    line.toClient({ type: 'event', event: 'connect.challenge', payload: { nonce: 'n', ts: clock.steady.now() } })
    return line
  }

  async receive(line: Line, text: string): Promise<void> {
    const { boot } = this
    const request = parseRequest(text)
    if (boot === undefined || request === undefined) return
    const { id, method, params } = request
    if (method === 'connect') {
      line.isGreeted = true
      return line.toClient({ type: 'res', id, ok: true, payload: this.hello(boot, params['scopes']) })
    }
    if (method === 'chat.send') this.checkMark(String(params['idempotencyKey']), boot.id)
    const answer = await callMethod(request, { ...boot, disk: this.disk }, [])
    line.toClient({ type: 'res', id, ...answer })
  }

  private hello(boot: Boot, scopes: unknown): object {
    const server = { version: 'simulated', bootId: boot.id }
    return { type: 'hello-ok', server, auth: { scopes }, policy: { maxPayload: 26_214_400, tickIntervalMs: tickMs } }
  }

  /** Law: before a question leaves, the boot that is asked is on disk. */
  private checkMark(sentKey: string, bootId: string): void {
    const key = turnOf(sentKey)
    const turn = this.scene.db.turn(key)
    if (turn?.asked?.bootId !== bootId) this.scene.broken(`${key} was sent to ${bootId} before that was on disk`)
  }

  private recordAsked(asked: Asked): void {
    const { scene } = this
    if (asked.key.startsWith('other:')) return
    scene.count('asked')
    scene.note(`gateway: asked ${asked.key} (${asked.marks.join()})`)
    const before = this.asked.filter(other => other.key === asked.key)
    if (before.some(other => other.bootId === asked.bootId)) scene.broken(`${asked.key} was asked twice in one boot`)
    if (before.length > 0) scene.count('asked again in a new boot')
    if (this.rowsOf(asked.key) > 0) scene.broken(`${asked.key} was asked although it is in the history`)
    const others = scene.db.askedAtOnce(asked.key, asked.sessionKey.replace(/^agent:main:wecom:/, 'chat:'))
    if (others.length > 0) scene.broken(`${asked.key} was asked at the same time as ${others.join()}`)
    this.asked.push(asked)
  }

  private broadcast(event: string, payload: object): void {
    for (const line of this.lines) if (line.isGreeted) line.toClient({ type: 'event', event, payload })
  }

  private tick(boot: Boot): void {
    boot.clock.alarm(boot.clock.now() + tickMs, () => {
      this.broadcast('tick', {})
      this.tick(boot)
    })
  }
}

/** The turn id of a key: a question that the gateway accepted before it died continues as `<key>#2`. */
function turnOf(key: string): string {
  return key.replace(/#\d+$/, '')
}
