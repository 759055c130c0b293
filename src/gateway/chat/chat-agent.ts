import type { Agent, AgentFile, LinkStatus, RunEnd } from '../../domain/agent.ts'
import { isCode, messageOf, WecomdError } from '../../errors.ts'
import { filesOf, findFiles, hasFiles, pausesFor } from './answer-files.ts'
import { createCollector, type DownloadDeps } from './artifact-download.ts'
import { type Encoded, encodeAttachments, encodeQuestion, limitsOf, Semaphore } from './attachments.ts'
import type { Connection } from '../link/socket.ts'
import { stringAt } from '../link/frames.ts'
import { answerRows, filesWithinMs, type History, type HistoryRow, nextStep } from './history.ts'
import { lookMs, readHistory, readWholeText, retryIn } from './history-look.ts'
import { isLate, isGatewayText, type AskState, historyContextOf } from './run-follower.ts'
import type { ReloadGate } from './reload-gate.ts'
import { GatewayRefusal } from '../link/rpc.ts'
import { Run } from './run.ts'

/** How long to look away while events are expected. */
const listenMs = 15_000
/** An agent that was just made is unknown to the gateway for a moment. */
const agentReloadMs = 2_000
const agentReloadTries = 3
/** An answer does not wait longer than this for a link over which its files could be found. */
const filesPatienceMs = 120_000
/** Frames with attachments on their way at a time, over all questions. */
const largeFrames = 2
/** After so many broken links in mid frame a question goes without its attachments: something on the way refuses them. */
const breaksAllowed = 3
const nothingAttached: Encoded = { items: '', unread: [] }

/** The part of the agent that needs no admin scope. */
export type ChatAgent = Pick<Agent, 'status' | 'limits' | 'onStatus' | 'ask' | 'abort' | 'collect'>

/** The agent over the users' link to the gateway, by `chat.send`. */
export function createChatAgent(connection: Connection, gate: ReloadGate, world: DownloadDeps): ChatAgent {
  const runs = new Map<string, Run>()
  const statusListeners: ((status: LinkStatus) => void)[] = []
  const pursuer = new RunFollower(connection, gate, world)
  connection.subscribe({
    isHeld: key => [...runs.values()].some(run => run.sessionKey === key),
    event(event, payload) {
      gate.hear(event, payload)
      if (event !== 'chat' && event !== 'agent') return
      for (const run of runs.values()) run.hear(event, payload, world.clock.now())
    },
    status(status) {
      for (const run of runs.values()) run.poke()
      for (const listener of statusListeners) listener(status)
    },
  })
  return {
    status: () => connection.status,
    limits: () => connection.lastHello && limitsOf(connection.lastHello),
    onStatus: listener => void statusListeners.push(listener),
    async ask(ask, on, signal) {
      const run = new Run(ask.key, ask.sessionKey, world.clock.now(), on)
      runs.set(ask.key, run)
      try {
        return await pursuer.pursue({ ask, run, signal, asked: ask.asked, takenBy: undefined, reloads: 0, breaks: 0 })
      } finally {
        runs.delete(ask.key)
      }
    },
    async abort(key, sessionKey) {
      // A run that was resumed, or that waited behind another, is aborted by its own id only.
      const runIds = [...(runs.get(key)?.runIds ?? [key])]
      await Promise.all(runIds.map(runId => connection.request('chat.abort', { sessionKey, runId })))
    },
    collect: createCollector(connection, world),
  }
}

/**
 * Brings a question to its end. The history decides what to do next, events only make it quicker: the same loop serves
 * the first ask, a reconnect and a restart of either side. Why not to trust the key alone: the gateway forgets it after
 * five minutes and at each restart (docs/protocol-gateway.md).
 */
class RunFollower {
  private readonly connection: Connection
  private readonly gate: ReloadGate
  private readonly world: DownloadDeps
  private readonly door = new Semaphore(largeFrames)

  constructor(connection: Connection, gate: ReloadGate, world: DownloadDeps) {
    this.connection = connection
    this.gate = gate
    this.world = world
  }

  async pursue(pursuit: AskState): Promise<RunEnd> {
    const cancelled = whenAborted(pursuit.signal)
    const end = await this.follow(pursuit, cancelled)
    if (end.kind !== 'answered') return end
    const { text } = end
    const files = end.files ?? (isGatewayText(pursuit) ? [] : await this.filesOf(pursuit, text, cancelled))
    if (files.length > 0) return { kind: 'answered', text, files }
    return text.trim() === '' ? { kind: 'empty' } : { kind: 'answered', text }
  }

  /** An answer comes with its files when these are known, be there none. */
  private async follow(pursuit: AskState, cancelled: Promise<never>): Promise<RunEnd> {
    const { run } = pursuit
    for (;;) {
      const stirred = run.stirred()
      const next = await Promise.race([this.lookAndAct(pursuit), cancelled])
      if (typeof next !== 'number') return next
      const end = await this.pause(next, cancelled, run.ended, stirred)
      if (end !== undefined) return end
    }
  }

  /** One look at the session and what follows from it: the end, or how long to listen before the next look. */
  private async lookAndAct(pursuit: AskState): Promise<RunEnd | number> {
    const bootId = this.connection.hello?.bootId
    if (bootId === undefined) return listenMs
    try {
      return await this.act(pursuit, await readHistory(this.connection, pursuit.ask.sessionKey), bootId)
    } catch (error) {
      const retryMs = retryIn(error)
      if (retryMs === undefined) throw error
      return retryMs
    }
  }

  /** The files of an answer whose text is known already; what cannot be found does not hold that up. */
  private async filesOf(pursuit: AskState, text: string, cancelled: Promise<never>): Promise<readonly AgentFile[]> {
    const { run, ask } = pursuit
    const pauses = pausesFor(run.ending, text)
    if (pauses.length > 0) run.say(text, this.world.clock.now())
    if (pauses.length > 0 && text.trim() !== '') run.report({ kind: 'whole', text })
    try {
      return await findFiles(
        pauses,
        ms => this.pause(ms, cancelled),
        () => this.lookPatiently(pursuit, cancelled),
      )
    } catch (error) {
      if (isCode(error, 'cancelled')) throw error
      this.world.log.warn('an answer goes without its files', { turn: ask.key, error: messageOf(error) })
      return []
    }
  }

  private async lookPatiently({ ask, run }: AskState, cancelled: Promise<never>): Promise<readonly HistoryRow[]> {
    const { clock } = this.world
    const until = clock.now() + filesPatienceMs
    for (;;) {
      const stirred = run.stirred()
      try {
        const history = await Promise.race([readHistory(this.connection, ask.sessionKey), cancelled])
        return answerRows(history, { key: ask.key, runIds: run.runIds })
      } catch (error) {
        const retryMs = retryIn(error)
        if (retryMs === undefined || clock.now() >= until) throw error
        await this.pause(retryMs, cancelled, stirred)
      }
    }
  }

  private async act(pursuit: AskState, history: History, bootId: string): Promise<RunEnd | number> {
    const { ask, run } = pursuit
    const now = this.world.clock.now()
    const step = nextStep(history, historyContextOf(pursuit, bootId, now))
    switch (step.kind) {
      case 'ask':
        return this.send(pursuit, bootId, step.key)
      case 'occupied':
        if (isLate(pursuit, now)) return { kind: 'expired' }
        run.quietSince = now
        run.report({ kind: 'phase', phase: 'occupied' })
        return lookMs
      case 'follow':
        run.quietSince = now
        if (step.runId !== undefined && !run.recognises(step.runId, now)) return lookMs
        if (step.runId !== undefined) run.adopt(step.runId)
        run.say(step.text ?? '', now)
        return step.runId === undefined ? lookMs : listenMs
      case 'wait':
        return lookMs
      case 'answered': {
        const files = filesOf(answerRows(history, { key: ask.key, runIds: run.runIds }))
        const isKnown = hasFiles(step.row) || now - step.row.timestamp >= filesWithinMs
        return {
          kind: 'answered',
          text: await this.readTexts(ask.sessionKey, [...step.earlier, step.row]),
          ...(isKnown && { files }),
        }
      }
      case 'failed':
        return { kind: 'failed', reason: 'error', text: step.text }
      case 'stopped':
        return { kind: 'stopped', text: await readWholeText(this.connection, ask.sessionKey, step.row) }
      case 'empty':
        return { kind: 'empty' }
      case 'lost':
        return { kind: 'failed', reason: 'lost', text: '' }
      default:
        return step satisfies never
    }
  }

  /** As the run's own end tells them. */
  private async readTexts(sessionKey: string, rows: readonly HistoryRow[]): Promise<string> {
    const texts = await Promise.all(rows.map(row => readWholeText(this.connection, sessionKey, row)))
    return texts.join('\n\n')
  }

  private async send(pursuit: AskState, bootId: string, key: string): Promise<RunEnd | number> {
    const { ask, breaks } = pursuit
    const { attachments = [] } = ask
    if (attachments.length === 0) return this.leave(pursuit, bootId, key, nothingAttached)
    if (breaks >= breaksAllowed) {
      return this.leave(pursuit, bootId, key, { items: '', unread: attachments.map(({ fileName }) => fileName) })
    }
    return this.door.pass(async () => {
      await this.connection.drained()
      return this.leave(pursuit, bootId, key, await encodeAttachments(attachments))
    })
  }

  /** It may have waited: it leaves only for the boot that was looked at. */
  private async leave(pursuit: AskState, bootId: string, key: string, encoded: Encoded): Promise<RunEnd | number> {
    await this.gate.enter(key)
    const next = await this.leaveNow(pursuit, bootId, key, encoded).catch(error => {
      this.gate.leave(key)
      throw error
    })
    if (pursuit.takenBy !== bootId) this.gate.leave(key)
    return next
  }

  private async leaveNow(pursuit: AskState, bootId: string, key: string, encoded: Encoded): Promise<RunEnd | number> {
    const { ask, run, signal } = pursuit
    const { clock } = this.world
    if (signal.aborted || this.connection.hello?.bootId !== bootId) return lookMs
    if (isLate(pursuit, clock.now())) return { kind: 'expired' }
    if (pursuit.asked?.bootId !== bootId) {
      await ask.mark(bootId)
      pursuit.asked = { at: clock.now(), bootId }
    }
    run.quietSince = clock.now()
    run.own(key)
    const isLarge = encoded.items !== '' // asked for now: what was sent need not be kept until the answer
    try {
      const ack = await this.connection.request('chat.send', encodeQuestion(ask, key, encoded))
      pursuit.takenBy = bootId
      return stringAt(ack, 'status') === 'timeout' ? { kind: 'stopped', text: '' } : listenMs
    } catch (error) {
      if (isLarge && isCode(error, 'gateway_down')) pursuit.breaks++
      return this.refusedSend(pursuit, error, bootId)
    }
  }

  /** What a refused `chat.send` means: another try, an end, or a repeat whose first end is in the history. */
  private refusedSend(pursuit: AskState, error: unknown, bootId: string): RunEnd | number {
    if (!(error instanceof GatewayRefusal) || error.retryAfterMs !== undefined) throw error
    if (/no longer exists in configuration/.test(error.message)) {
      return ++pursuit.reloads < agentReloadTries
        ? agentReloadMs
        : { kind: 'failed', reason: 'agent_unknown', text: '' }
    }
    if (error.details['reason'] === 'chat-request-conflict') {
      pursuit.takenBy = bootId
      return lookMs
    }
    this.world.log.warn('the gateway refused a question', { turn: pursuit.ask.key, code: error.gatewayCode })
    return { kind: 'failed', reason: 'error', text: '' }
  }

  /** Resolves when the time is over, or with what comes sooner. */
  private async pause<T>(ms: number, ...sooner: readonly Promise<T>[]): Promise<T | undefined> {
    const { clock, timers } = this.world
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const cancel = timers.at(clock.now() + ms, () => resolve(undefined))
    return await Promise.race([promise, ...sooner]).finally(cancel)
  }
}

/** Never resolves; rejects with `cancelled` when the signal fires. */
function whenAborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(new WecomdError('cancelled', 'following the run was cancelled'))
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  promise.catch(() => {}) // it is raced again and again; nobody may be listening when it fires
  return promise
}
