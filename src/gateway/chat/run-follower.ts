/**
 * Asks a question with `chat.send` and follows its run to the end.
 *
 * A run can be lost in many places. wecomd may restart after it asked. The gateway may restart before it wrote the
 * question down, or in mid run, and then resumes the run under a new id. The link may break while a 25 MB frame is being
 * sent. Events that were sent during a break are never repeated. Each case could have a recovery path of its own, but
 * such paths are rarely taken and rarely right.
 *
 * So there is one loop: read the session's history, let `nextStep` decide, act, then wait for an event
 * or a timeout, and read again. The first ask, a reconnect and a restart of either side all pass through it. Events only
 * make it faster: they stream the text and end a run early. If every event were lost, the answer would still arrive from
 * the history, up to 15 s later.
 *
 * The points that need care:
 *
 * - `ask.mark` must be durable before the frame is sent. Otherwise a crash in between would leave a question that was
 *   asked, but that the next process believes was not.
 * - Sending may wait, for other uploads or for a config change (`ReloadGate`). A decision made from one boot's history
 *   is not valid for another boot, so `sendNow` compares the boot id again and goes back to the loop when it changed.
 * - A proxy that drops large frames would break the link again and again. After three breaks the question is sent
 *   without its attachments, and the text names them.
 * - An agent that was just created is unknown to the gateway for a moment, so that refusal is retried.
 * - Text and files arrive separately: the files enter the answer's row after the final text. The end says which files to
 *   look for (`FileSearch`), and does not wait for them.
 * - The caller may stop following at any time. The run itself continues, and a later `ask` with the same key finds it.
 */
import { describeError } from '../../domain/failure.ts'
import type { RunEnd } from '../../domain/agent.ts'
import { isCode, WecomdError } from '../../errors.ts'
import { GatewayRefusal } from '../link/rpc.ts'
import { stringAt } from '../link/frames.ts'
import type { Connection } from '../link/socket.ts'
import { expectFiles, filesOf } from './answer-files.ts'
import type { DownloadDeps } from './artifact-download.ts'
import { type AskState, historyContextOf, isCommandReply, isExpired } from './ask-state.ts'
import { type EncodedAttachments, encodeAttachments, encodeQuestion, Semaphore } from './attachments.ts'
import { answerRows, nextStep } from './history.ts'
import { type History, type HistoryRow } from './history-rows.ts'
import { pollMs, readHistory, readWholeText, retryDelay } from './history-look.ts'
import type { ReloadGate } from './reload-gate.ts'
import { failureFrom } from './run.ts'

/** Pause between two reads of the history while events are expected. */
const eventPollMs = 15_000
/** Retry delay for an agent the gateway does not know yet, because it was just created. */
const agentReloadMs = 2_000
const agentReloadTries = 3
/** The files of an answer that is older than this are in its row, or never come. */
const filesWithinMs = 60_000
/** Frames with attachments that are sent at the same time, over all questions. */
const maxLargeFrames = 2
/** After this many links broken in mid frame, a question is sent without its attachments. */
const maxBreaks = 3
const noAttachments: EncodedAttachments = { items: '', unreadable: [] }

/** Follows questions to their ends. The only state it shares between them is the limit on concurrent uploads. */
export class RunFollower {
  private readonly connection: Connection
  private readonly gate: ReloadGate
  private readonly world: DownloadDeps
  private readonly uploads = new Semaphore(maxLargeFrames)

  constructor(connection: Connection, gate: ReloadGate, world: DownloadDeps) {
    this.connection = connection
    this.gate = gate
    this.world = world
  }

  /** Follows one question to its end. Rejects with `cancelled` on abort, or when its attachments are unreadable. */
  async follow(state: AskState): Promise<RunEnd> {
    const cancelled = whenAborted(state.signal)
    return withSearch(state, await this.followToEnd(state, cancelled))
  }

  private async followToEnd(state: AskState, cancelled: Promise<never>): Promise<KnownEnd> {
    const { run } = state
    for (;;) {
      const woken = run.nextWake()
      const next = await Promise.race([this.poll(state), cancelled])
      if (typeof next !== 'number') return next
      const end = await this.pause(next, cancelled, run.ended, woken)
      if (end !== undefined) return end
    }
  }

  /** Reads the history once and acts on it. Returns the end, or the milliseconds to wait before the next read. */
  private async poll(state: AskState): Promise<KnownEnd | number> {
    const bootId = this.connection.hello?.bootId
    if (bootId === undefined) return eventPollMs
    try {
      return await this.act(state, await readHistory(this.connection, state.ask.sessionKey), bootId)
    } catch (error) {
      const retryMs = retryDelay(error)
      if (retryMs === undefined) throw error
      return retryMs
    }
  }

  private async act(state: AskState, history: History, bootId: string): Promise<KnownEnd | number> {
    const { ask, run } = state
    const now = this.world.clock.now()
    const step = nextStep(history, historyContextOf(state, bootId, now))
    switch (step.kind) {
      case 'ask':
        return this.send(state, bootId, step.key)
      case 'occupied':
        if (isExpired(state, now)) return { kind: 'expired' }
        run.quietSince = now
        run.report({ kind: 'phase', phase: 'occupied' })
        return pollMs
      case 'follow':
        run.quietSince = now
        if (step.runId !== undefined && !run.recognises(step.runId, now)) return pollMs
        if (step.runId !== undefined) run.adopt(step.runId)
        run.reportText(step.text ?? '', now)
        return step.runId === undefined ? pollMs : eventPollMs
      case 'wait':
        return pollMs
      case 'answered': {
        const files = filesOf(answerRows(history, { key: ask.key, runIds: run.runIds }))
        return {
          kind: 'answered',
          text: await this.readTexts(ask.sessionKey, [...step.earlier, step.row]),
          files,
          areFilesKnown: now - step.row.timestamp >= filesWithinMs,
        }
      }
      case 'failed':
        return { kind: 'failed', reason: 'error', text: step.text, failure: failureFrom(step.error) }
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

  /** The whole text of the rows, joined as in the run's own `final`. */
  private async readTexts(sessionKey: string, rows: readonly HistoryRow[]): Promise<string> {
    const texts = await Promise.all(rows.map(row => readWholeText(this.connection, sessionKey, row)))
    return texts.join('\n\n')
  }

  private async send(state: AskState, bootId: string, key: string): Promise<RunEnd | number> {
    const { ask, breaks } = state
    const { attachments = [] } = ask
    if (attachments.length === 0) return this.sendThroughGate(state, bootId, key, noAttachments)
    if (breaks >= maxBreaks) {
      return this.sendThroughGate(state, bootId, key, {
        items: '',
        unreadable: attachments.map(({ fileName }) => fileName),
      })
    }
    return this.uploads.run(async () => {
      await this.connection.drained()
      return this.sendThroughGate(state, bootId, key, await encodeAttachments(attachments))
    })
  }

  /** Sends once the reload gate is open. The gate may hold the question back, so `sendNow` checks the boot again. */
  private async sendThroughGate(
    state: AskState,
    bootId: string,
    key: string,
    encoded: EncodedAttachments,
  ): Promise<RunEnd | number> {
    await this.gate.enter(key)
    const next = await this.sendNow(state, bootId, key, encoded).catch(error => {
      this.gate.leave(key)
      throw error
    })
    if (state.acceptedBy !== bootId || state.acceptedKey !== key) this.gate.leave(key)
    return next
  }

  private async sendNow(
    state: AskState,
    bootId: string,
    key: string,
    encoded: EncodedAttachments,
  ): Promise<RunEnd | number> {
    const { ask, run, signal } = state
    const { clock } = this.world
    if (signal.aborted || this.connection.hello?.bootId !== bootId) return pollMs
    if (isExpired(state, clock.now())) return { kind: 'expired' }
    if (state.asked?.bootId !== bootId) {
      await ask.mark(bootId)
      state.asked = { at: clock.now(), bootId }
    }
    run.quietSince = clock.now()
    run.addKey(key)
    const isLarge = encoded.items !== '' // read now, so that the closure does not keep the bytes until the ack
    try {
      const ack = await this.connection.request('chat.send', encodeQuestion(ask, key, encoded))
      state.acceptedBy = bootId
      state.acceptedKey = key
      return stringAt(ack, 'status') === 'timeout' ? { kind: 'stopped', text: '' } : eventPollMs
    } catch (error) {
      if (isLarge && isCode(error, 'gateway_down')) state.breaks++
      return this.afterRefusal(state, error, bootId, key)
    }
  }

  /** Maps a rejected `chat.send` to a retry delay or an end. A conflict means that the question was already accepted. */
  private afterRefusal(state: AskState, error: unknown, bootId: string, key: string): RunEnd | number {
    if (!(error instanceof GatewayRefusal) || error.retryAfterMs !== undefined) throw error
    if (/no longer exists in configuration/.test(error.message)) {
      return ++state.reloads < agentReloadTries ? agentReloadMs : { kind: 'failed', reason: 'agent_unknown', text: '' }
    }
    if (error.details['reason'] === 'chat-request-conflict') {
      state.acceptedBy = bootId
      state.acceptedKey = key
      return pollMs
    }
    this.world.log.warn('gateway rejected a question', { turn: state.ask.key, code: error.gatewayCode })
    const failure = { cause: 'internal', error: describeError(error.message) } as const
    return { kind: 'failed', reason: 'error', text: '', failure }
  }

  /** Resolves after `ms`, or earlier with the first of `sooner`. */
  private async pause<T>(ms: number, ...sooner: readonly Promise<T>[]): Promise<T | undefined> {
    const { clock, timers } = this.world
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const cancel = timers.at(clock.now() + ms, () => resolve(undefined))
    return await Promise.race([promise, ...sooner]).finally(cancel)
  }
}

/** `areFilesKnown`: no more files can come. */
type KnownEnd = RunEnd & { readonly areFilesKnown?: boolean }

/** The end of a run, with what may follow it. */
function withSearch(state: AskState, { areFilesKnown, ...end }: KnownEnd): RunEnd {
  const { run } = state
  if (areFilesKnown === true || isCommandReply(state)) return end
  if (end.kind !== 'answered' && end.kind !== 'empty') return end
  const text = end.kind === 'answered' ? end.text : ''
  const expected = expectFiles(run.lifecycleEnd, text)
  if (expected === undefined) return end
  return { ...end, search: { ...expected, runIds: [...run.runIds] } }
}

/** Never resolves; rejects with `cancelled` when the signal fires. */
function whenAborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(new WecomdError('cancelled', 'following the run was cancelled'))
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  promise.catch(() => {}) // raced repeatedly; it may reject while no race is listening
  return promise
}
