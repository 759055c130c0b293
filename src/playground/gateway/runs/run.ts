import { messageOf } from '../../../errors.ts'
import type { Clock } from '../../../world.ts'
import type { EchoApprovals } from '../approvals.ts'
import type { ScriptFile } from '../files/blocks.ts'
import { type Emit, isAllowed } from '../frames.ts'
import type { EchoQuestions } from '../questions.ts'
import type { ChatSendParams } from '../files/media.ts'
import type { Script, ScriptStep } from './script.ts'

/** OpenClaw sends at most one delta per 72-83 ms. */
const deltaEveryMs = 75
/** The reply in the last event is truncated to this length. */
const replyChars = 4_096

export interface RunSpec extends ChatSendParams {
  readonly runId: string
  /** The idempotencyKey of the message. A followup has a different `runId`. */
  readonly key: string
  readonly sessionKey: string
  readonly agentId: string
  readonly startAfterMs: number
  /** Those of the connection that sent the message; none for a run that is resumed. */
  readonly scopes: readonly string[]
  /** True for a run of a queued or resumed message. Such a run emits fewer events. */
  readonly isFollowup: boolean
}

export interface EchoRunEnd {
  readonly state: 'final' | 'aborted' | 'error'
  readonly text: string
  readonly endedAt: number
  readonly stopReason?: string
  readonly error?: string
  /** The files of the answer. The text does not mention them. */
  readonly files: readonly ScriptFile[]
}

/** A run of the echo agent. */
export interface EchoRunState {
  readonly spec: RunSpec
  readonly startedAt: number
  readonly ended: Promise<EchoRunEnd>
  text(): string
  hasStarted(): boolean
  /** Adds a message that this run answers after the current one. */
  steer(message: ChatSendParams): void
  abort(stopReason: string): void
  /** Ends the run because the process stops. Announced as an abort, but the next boot resumes it. */
  interrupt(): void
  cut(): void
}

export interface EchoRunDeps {
  readonly clock: Clock
  readonly script: Script
  readonly emit: Emit
  readonly askApproval: EchoApprovals['ask']
  readonly askUser: EchoQuestions['ask']
  /** Called when the run begins, after `startAfterMs`. */
  readonly onStart: () => void
  /** Called before the end is announced, so that a client that receives the event finds the answer in the history. */
  readonly onEnd: (end: EchoRunEnd) => void
}

/** Starts a run: status, throttled cumulative deltas, then exactly one end. Like in OpenClaw, an error is sent twice. */
export function startRun(spec: RunSpec, deps: EchoRunDeps): EchoRunState {
  return new EchoRun(spec, deps)
}

class EchoRun implements EchoRunState {
  readonly startedAt: number
  readonly ended: Promise<EchoRunEnd>
  private readonly waiting: ChatSendParams[]
  private settle: (end: EchoRunEnd) => void = () => {}
  private over = false
  private started = false
  private answer = ''
  private readonly files: ScriptFile[] = []
  private readonly tools = new Set<string>()
  private seq = 0
  private agentSeq = 0
  private sentText = ''
  private sentAt = 0
  private stopDelta: (() => void) | undefined
  private wake: () => void = () => {}

  constructor(
    readonly spec: RunSpec,
    private readonly deps: EchoRunDeps,
  ) {
    this.startedAt = deps.clock.now()
    this.ended = new Promise(resolve => {
      this.settle = resolve
    })
    this.waiting = [spec]
    void this.play()
  }

  text(): string {
    return this.answer
  }

  hasStarted(): boolean {
    return this.started
  }

  steer(message: ChatSendParams): void {
    this.waiting.push(message)
  }

  abort(stopReason: string): void {
    if (this.over) return
    this.end({ state: 'aborted', stopReason })
    this.emitAborted(stopReason)
  }

  interrupt(): void {
    this.cut()
    this.agent('lifecycle', { phase: 'end', aborted: true, stopReason: 'restart' })
    this.emitAborted('restart')
  }

  cut(): void {
    this.over = true
    this.stopDelta?.()
    this.wake()
  }

  private async play(): Promise<void> {
    await this.pause(this.spec.startAfterMs) // the acknowledgement must be sent first
    if (this.over) return
    this.started = true
    this.deps.onStart()
    this.announce('preparing_workspace')
    this.announce('preparing_context')
    this.agent('lifecycle', { phase: 'start', startedAt: this.startedAt })
    this.announce('starting_model')
    this.agent('lifecycle', { phase: 'model' })
    try {
      for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
        if (this.answer !== '') this.append('\n\n')
        if (await this.playScript(next)) return
      }
      this.finish()
    } catch (error) {
      this.fail(messageOf(error))
    }
  }

  /** True if the run is over and must not emit anything more. */
  private async playScript({ message, media }: ChatSendParams): Promise<boolean> {
    for await (const step of this.deps.script(message, media)) {
      if (this.over) return true
      await this.runStep(step)
      if (this.over) return true
    }
    return false
  }

  private async runStep(step: ScriptStep): Promise<void> {
    switch (step.kind) {
      case 'wait':
        return await this.pause(step.ms)
      case 'say':
        return this.append(step.text)
      case 'tool':
        return await this.callTool(step)
      case 'approve':
        return await this.askApproval(step)
      case 'question':
        return await this.askUser(step)
      case 'file':
        this.files.push(step)
        return
      case 'fail':
        return this.fail(step.message)
      case 'hang':
        return await this.pause()
    }
  }

  private announce(phase: string): void {
    this.agent('run_status', { phase })
    if (!this.spec.isFollowup) this.chat({ state: 'status', phase })
  }

  private pause(ms?: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = ms === undefined ? () => {} : this.deps.clock.alarm(this.deps.clock.now() + ms, resolve)
      this.wake = () => {
        cancel()
        resolve()
      }
    })
  }

  private emitAborted(stopReason: string): void {
    this.chat({ state: 'aborted', stopReason, ...(this.answer === '' ? {} : { message: this.message() }) })
  }

  private async callTool({ name, args, ms, result }: ScriptStep & { kind: 'tool' }): Promise<void> {
    const toolCallId = `call_${this.agentSeq}`
    const item = { itemId: `tool:${toolCallId}`, toolCallId, name, kind: 'tool', title: name }
    this.agent('item', { ...item, phase: 'start', status: 'running' }, true)
    this.agent('tool', { phase: 'start', name, toolCallId, args }, true)
    await this.pause(ms)
    if (this.over) return
    this.agent('tool', { phase: 'result', name, toolCallId, isError: false, result }, true)
    this.agent('item', { ...item, phase: 'end', status: 'completed' }, true)
    this.tools.add(name)
  }

  private async askApproval({
    kind: _kind,
    allowed,
    denied,
    ...wanted
  }: ScriptStep & { kind: 'approve' }): Promise<void> {
    const { spec, deps } = this
    this.agent('lifecycle', { phase: 'waiting-approval' })
    const decision = isAllowed('operator.approvals', spec.scopes) ? await deps.askApproval(spec, wanted) : undefined
    if (this.over) return
    this.agent('lifecycle', { phase: 'approval-resolved' })
    this.append(decision === undefined ? 'Exec approval registration failed' : decision === 'deny' ? denied : allowed)
  }

  private async askUser({ questions, reply }: ScriptStep & { kind: 'question' }): Promise<void> {
    const { spec, deps } = this
    const replies = isAllowed('operator.questions', spec.scopes) ? await deps.askUser(spec, questions) : undefined
    if (!this.over) this.append(reply(replies))
  }

  private append(text: string): void {
    this.answer += text
    if (this.stopDelta) return
    this.stopDelta = this.deps.clock.alarm(Math.max(this.sentAt + deltaEveryMs, this.deps.clock.now()), () =>
      this.sendDelta(),
    )
  }

  private sendDelta(): void {
    this.stopDelta = undefined
    this.sentAt = this.deps.clock.now()
    const deltaText = this.answer.slice(this.sentText.length)
    this.sentText = this.answer
    this.agent('assistant', { text: this.answer, delta: deltaText })
    this.chat({ state: 'delta', deltaText, message: this.message() })
  }

  private finish(): void {
    if (this.over) return
    if (this.answer !== this.sentText) this.sendDelta()
    const text = [
      ...(this.answer === '' ? [] : [this.answer]),
      ...this.files.map(({ name }) => `MEDIA:./${name}`),
    ].join('\n')
    const terminalReply =
      text === '' ? { disposition: 'silent' } : { disposition: 'visible', text: text.slice(0, replyChars) }
    const terminalReceipt = { runId: this.spec.runId, successfulToolNames: [...this.tools] }
    this.agent('lifecycle', { phase: 'finishing' })
    this.agent('lifecycle', { phase: 'end', endedAt: this.deps.clock.now(), terminalReply, terminalReceipt })
    this.end({ state: 'final' })
    const stopReason = this.spec.isFollowup ? {} : { stopReason: 'stop' }
    this.chat({ state: 'final', ...stopReason, ...(this.answer === '' ? {} : { message: this.message() }) })
  }

  private fail(errorMessage: string): void {
    if (this.over) return
    this.agent('lifecycle', { phase: 'error', error: errorMessage })
    this.end({ state: 'error', error: errorMessage })
    this.chat({ state: 'error', errorMessage, errorDetail: { provider: 'echo', model: 'echo-1' } })
    this.seq = 0
    this.chat({ state: 'error', errorMessage: `⚠️ Agent failed before reply: ${errorMessage}` })
  }

  private end(how: Pick<EchoRunEnd, 'state' | 'stopReason' | 'error'>): void {
    this.cut()
    const end: EchoRunEnd = { ...how, text: this.answer, files: this.files, endedAt: this.deps.clock.now() }
    this.deps.onEnd(end)
    this.settle(end)
  }

  private message(): object {
    return { role: 'assistant', content: [{ type: 'text', text: this.answer }], timestamp: this.deps.clock.now() }
  }

  private chat(payload: { readonly state: string; readonly [more: string]: unknown }): void {
    const { runId, sessionKey, agentId, isFollowup } = this.spec
    const agent = isFollowup && payload.state === 'final' ? {} : { agentId }
    this.deps.emit('chat', { runId, sessionKey, ...agent, seq: ++this.seq, ...payload })
  }

  private agent(stream: string, data: object, toolsOnly = false): void {
    const { runId, sessionKey, agentId } = this.spec
    const payload = { runId, stream, data, sessionKey, agentId, seq: ++this.agentSeq, ts: this.deps.clock.now() }
    this.deps.emit('agent', payload, toolsOnly)
  }
}
