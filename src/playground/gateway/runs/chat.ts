import type { Clock } from '../../../world.ts'
import type { EchoApprovals } from '../approvals.ts'
import type { EchoQuestions } from '../questions.ts'
import { commandRow, runCommand } from '../commands.ts'
import { EchoFiles } from '../files/files.ts'
import { type RpcAnswer, type Emit, type Params, ok, refuse } from '../frames.ts'
import {
  addFiles,
  type Disk,
  earlyEndRows,
  endRow,
  normaliseKey,
  openSession,
  type Present,
  type Queued,
  type Row,
  removePending,
  resetRow,
  resumeRow,
  type Session,
  superseded,
  userRow,
} from './history.ts'
import { type ChatFile, type ChatSendParams, readAttachments } from '../files/media.ts'
import { type EchoRunState, type EchoRunEnd, type RunSpec, startRun } from './run.ts'
import type { Script } from './script.ts'
import { describeEnd, SentKeys } from './sent.ts'
import { speak, type Spoken } from './speak.ts'

/** A message that was accepted as new (`started`), in the order of arrival. */
export interface ChatSend {
  readonly key: string
  readonly sessionKey: string
  readonly text: string
  readonly bootId: string
  readonly attachments: readonly ChatFile[]
}

export interface EchoChatDeps {
  readonly clock: Clock
  readonly disk: Disk
  readonly script: Script
  readonly emit: Emit
  readonly approvals: EchoApprovals
  readonly questions: EchoQuestions
  readonly newId: () => string
  readonly isKnownAgent: (id: string) => boolean
  readonly onAsked: (asked: Omit<ChatSend, 'bootId'>) => void
  /** Delay from the acknowledgement to the user row in the history and the start of the run. */
  readonly rowAfterMs: number
  /** Delay from the end of a run to the files in its row (100-700 ms in OpenClaw). A kill in between loses them. */
  readonly filesAfterMs: number
  /** Whether turns that the previous process left unfinished are resumed. */
  readonly resumes: boolean
}

/** The sessions of one boot. Running turns, queues and keys are in memory only and end with it. */
export class EchoChat {
  readonly files: EchoFiles
  private readonly sent: SentKeys
  private readonly active = new Map<string, EchoRunState>()
  private readonly runs = new Map<string, EchoRunState>()
  private readonly queues = new Map<string, Queued[]>()
  private readonly resuming = new Map<string, string>()

  constructor(private readonly deps: EchoChatDeps) {
    this.sent = new SentKeys(deps.clock)
    this.files = new EchoFiles(deps.clock, deps.disk, deps.newId)
    for (const session of deps.disk.sessions.values()) {
      session.interrupted.push(...session.pending.splice(0))
      if (session.running !== undefined && deps.resumes) this.resuming.set(session.key, deps.newId())
      else delete session.running
      if (this.resuming.has(session.key)) session.abortedLastRun = true
      else if (session.status === 'running') delete session.status
    }
  }

  /** Resumes the turns that the previous process left unfinished, each under a new runId. */
  resume(): void {
    for (const key of this.resuming.keys()) this.resumeOne(key)
  }

  /** Prepares a stop: fails runs that have not started, and waits for the others. */
  async drain(): Promise<void> {
    for (const [key, run] of this.active) {
      if (!run.hasStarted())
        this.failRun(key, run, 'GatewayDrainingError: Gateway is draining; new tasks are not accepted')
    }
    await Promise.all([...this.active.values()].map(run => run.ended))
  }

  /** Applies a changed config: like in OpenClaw, runs that were acknowledged but have not started fail. */
  supersede(): void {
    for (const [key, run] of this.active) {
      const session = this.deps.disk.sessions.get(key)
      if (run.hasStarted() || session === undefined) continue
      session.rows.push(...earlyEndRows(run.spec, superseded, this.deps.clock.now()))
      this.failRun(key, run, superseded)
    }
  }

  /** Interrupts the remaining runs at the end of a graceful stop. */
  interrupt(): void {
    for (const run of this.active.values()) run.interrupt()
  }

  /** Simulates a crash: no run emits anything more. */
  cut(): void {
    for (const run of this.active.values()) run.cut()
  }

  /** `scopes` are those of the connection. */
  send(params: Params, scopes: readonly string[] = []): RpcAnswer {
    const { clock, disk, newId, onAsked, isKnownAgent } = this.deps
    const sessionKey = normaliseKey(String(params['sessionKey']))
    const message = String(params['message'])
    const key = String(params['idempotencyKey'])
    if (message.includes('\0')) return refuse('INVALID_REQUEST', 'message must not contain null bytes')
    const repeated = this.sent.repeat(key, message)
    if (repeated) return repeated
    const agentId = sessionKey.split(':')[1] ?? ''
    if (!isKnownAgent(agentId)) {
      return refuse('INVALID_REQUEST', `Agent "${agentId}" no longer exists in configuration`)
    }
    const media = readAttachments(params)
    if ('ok' in media) return media
    const session = openSession(disk, sessionKey, newId)
    this.resumeOne(sessionKey)
    if (session.interrupted.some(one => one.key === key)) return this.refuseInterrupted(session, key)
    this.sent.add(key, message)
    const asked = { key, message, media, scopes, acceptedAt: clock.now() }
    const answer = runCommand(message, session)
    if (answer !== undefined) {
      session.rows.push(userRow(asked, clock.now(), key), commandRow(key, answer, clock.now()))
      return this.endAtOnce(session, key, answer)
    }
    onAsked({ key, sessionKey, text: message, attachments: media })
    return this.startOrQueue(session, asked, params['queueMode'])
  }

  private startOrQueue(session: Session, asked: Queued, queueMode: unknown): RpcAnswer {
    const answer = { runId: asked.key, status: 'started' }
    const running = this.active.get(session.key)
    if (!running) {
      this.begin(session, asked, asked.key)
      return ok(answer)
    }
    if (queueMode === 'interrupt') {
      running.abort('aborted')
      this.begin(session, asked, asked.key)
      return ok({ ...answer, interruptedActiveRun: true })
    }
    if (queueMode === 'followup' || queueMode === 'collect') {
      this.queues.set(session.key, [...(this.queues.get(session.key) ?? []), asked])
      session.pending.push(asked)
      this.sent.join(asked.key, 'queued')
    } else {
      session.rows.push(userRow(asked, asked.acceptedAt, asked.key))
      running.steer(asked)
      this.sent.join(asked.key, 'over')
    }
    return this.endAtOnce(session, asked.key, '')
  }

  /** Ends a message that has no run of its own: its final has seq 1 and is sent at once, empty if another run answers it. */
  private endAtOnce({ key: sessionKey }: Session, key: string, text: string): RpcAnswer {
    const { clock, emit } = this.deps
    const endedAt = clock.now()
    if (text !== '') this.sent.end(key, { state: 'final', text, files: [], endedAt })
    const message = { role: 'assistant', content: [{ type: 'text', text }], timestamp: endedAt }
    const payload = { runId: key, sessionKey, seq: 1, state: 'final', ...(text === '' ? {} : { message }) }
    clock.alarm(endedAt, () => emit('chat', payload))
    return ok({ runId: key, status: 'started' })
  }

  private failRun(sessionKey: string, run: EchoRunState, errorMessage: string): void {
    const { runId, key } = run.spec
    run.cut()
    this.active.delete(sessionKey)
    const session = this.deps.disk.sessions.get(sessionKey)
    if (session) removePending(session, key)
    this.deps.emit('chat', { runId, sessionKey, seq: 1, state: 'error', errorMessage })
  }

  /** Rejects a key that a previous process accepted but had no row for when it died. Such a key can never be used again. */
  private refuseInterrupted({ key: sessionKey }: Session, runId: string): RpcAnswer {
    const errorMessage = 'Error: Pending input ownership ended; submit a new turn to continue'
    this.deps.emit('chat', { runId, sessionKey, seq: 1, state: 'error', errorMessage })
    return refuse('UNAVAILABLE', errorMessage)
  }

  private begin(session: Session, asked: Queued, runId: string): void {
    const { message, media, scopes = [] } = asked
    removePending(session, asked.key)
    if (session.rows.length > 0) session.pending.push(asked)
    const row = userRow(asked, this.deps.clock.now(), asked.key)
    this.run(session, { runId, key: asked.key, message, media, scopes, isFollowup: runId !== asked.key }, row)
  }

  private resumeOne(key: string): void {
    const session = this.deps.disk.sessions.get(key)
    const runId = this.resuming.get(key)
    this.resuming.delete(key)
    if (runId === undefined || session?.running === undefined) return
    const row = resumeRow(runId, key, this.deps.clock.now())
    this.run(session, { runId, key: runId, ...session.running, scopes: [], isFollowup: true }, row)
  }

  private run(
    session: Session,
    turn: Pick<RunSpec, 'runId' | 'key' | 'isFollowup' | 'scopes'> & ChatSendParams,
    row: Row,
  ): void {
    const { clock, script, emit, approvals, questions, rowAfterMs: startAfterMs } = this.deps
    const askApproval: EchoApprovals['ask'] = (run, wanted) => approvals.ask(run, wanted)
    const askUser: EchoQuestions['ask'] = (run, asked) => questions.ask(run, asked)
    const spec = { ...turn, sessionKey: session.key, agentId: session.agentId, startAfterMs }
    session.status = 'running'
    const onStart = () => {
      session.rows.push(row)
      session.running = { message: turn.message, media: turn.media }
      session.abortedLastRun = false
      removePending(session, turn.key)
    }
    const onEnd = (end: EchoRunEnd) => this.finish(session, run, end)
    const run = startRun(spec, { clock, script, emit, askApproval, askUser, onStart, onEnd })
    this.active.set(session.key, run)
    this.runs.set(turn.runId, run)
  }

  private finish(session: Session, run: EchoRunState, end: EchoRunEnd): void {
    const { runId } = run.spec
    const row = endRow(end, runId)
    if (row) {
      session.rows.push(row)
      this.addFilesLater(session, end, runId)
    }
    delete session.running
    removePending(session, run.spec.key)
    session.status = end.state === 'final' ? 'done' : end.state === 'error' ? 'failed' : 'killed'
    this.active.delete(session.key)
    this.sent.end(runId, end)
    this.deps.approvals.close(runId)
    this.deps.questions.close(runId)
    const [next, ...later] = this.queues.get(session.key) ?? []
    if (!next) return
    this.queues.set(session.key, later)
    this.sent.join(next.key, 'over')
    this.begin(session, next, this.deps.newId())
  }

  private addFilesLater(session: Session, { state, files }: EchoRunEnd, runId: string): void {
    if (state !== 'final') return
    const { clock, filesAfterMs } = this.deps
    for (const [afterMs = filesAfterMs, group] of Map.groupBy(files, file => file.afterMs)) {
      if (afterMs === Infinity) continue
      clock.alarm(clock.now() + afterMs, () => addFiles(session, runId, this.files.store(session, runId, group)))
    }
  }

  /** The agent says something unasked. */
  speak(said: Spoken): void {
    speak(this.deps, said)
  }

  abort(params: Params): RpcAnswer {
    const run = this.active.get(normaliseKey(String(params['sessionKey'])))
    const wanted = params['runId'] === undefined || params['runId'] === run?.spec.runId
    if (!run || !wanted) return ok({ ok: true, aborted: false, runIds: [] })
    run.abort('rpc')
    return ok({ ok: true, aborted: true, runIds: [run.spec.runId] })
  }

  present(key: string): Present {
    return { run: this.active.get(key), resuming: this.resuming.get(key), queued: this.queues.get(key) ?? [] }
  }

  /** Resolves to the end of the run, or to `timeout` if it is unknown or still running after `timeoutMs`. */
  async wait(runId: string, timeoutMs: number): Promise<object> {
    const { clock } = this.deps
    const known = this.sent.waited(runId)
    if (known) return known
    const end = await new Promise<EchoRunEnd | undefined>(resolve => {
      const cancel = clock.alarm(clock.now() + timeoutMs, () => resolve(undefined))
      void this.runs.get(runId)?.ended.then(ended => {
        cancel()
        resolve(ended)
      })
    })
    return end ? describeEnd(runId, end) : { runId, status: 'timeout' }
  }

  reset(key: string): object {
    const { clock, disk, newId } = this.deps
    this.active.get(key)?.abort('restart')
    const session = openSession(disk, key, newId)
    if (session.rows.length > 0) session.rows.splice(0, session.rows.length, resetRow(clock.now(), newId()))
    return { ok: true, key, entry: { sessionId: session.sessionId } }
  }
}
