import type { Agent, Ask, LinkStatus, RunEnd } from '../domain/ports.ts'
import { isCode, WecomdError } from '../errors.ts'
import type { Clock, Log, Timers } from '../world.ts'
import type { Connection } from './connection.ts'
import { type Json, objectAt, stringAt } from './frames.ts'
import { decodeHistory, type History, type HistoryRow, nextStep, type Standpoint, textOf } from './history.ts'
import { neutralise } from './neutralise.ts'
import { GatewayRefusal } from './rpc.ts'
import { Run } from './run.ts'

/** Rows asked of the history; `maxChars` of one message (the gateway allows two million). */
const historyRows = 100
const wholeMessageChars = 2_000_000
/** How long to look away: while events are expected, and while only the history can tell. */
const listenMs = 15_000
const lookMs = 1_500
/** An agent that was just made is unknown to the gateway for a moment. */
const agentReloadMs = 2_000
const agentReloadTries = 3

/** What an ask carries from look to look. */
interface Pursuit {
  readonly ask: Ask
  readonly run: Run
  asked: { readonly at: number; readonly bootId: string } | undefined
  /** The boot that took the question from this process. */
  takenBy: string | undefined
  reloads: number
}

export interface ChatAgentWorld {
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/** The agent over one connection to the gateway, by `chat.send`. */
export function createChatAgent(connection: Connection, world: ChatAgentWorld): Agent {
  const runs = new Map<string, Run>()
  const statusListeners: ((status: LinkStatus) => void)[] = []
  const pursuer = new Pursuer(connection, world)
  connection.subscribe({
    isHeld: key => [...runs.values()].some(run => run.sessionKey === key),
    event(event, payload) {
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
    onStatus: listener => void statusListeners.push(listener),
    async ask(ask, on, signal) {
      const run = new Run(ask.key, ask.sessionKey, world.clock.now(), on)
      runs.set(ask.key, run)
      try {
        return await pursuer.pursue({ ask, run, asked: ask.asked, takenBy: undefined, reloads: 0 }, signal)
      } finally {
        runs.delete(ask.key)
      }
    },
    async abort(key, sessionKey) {
      // A run that was resumed, or that waited behind another, is aborted by its own id only.
      const runIds = [...(runs.get(key)?.runIds ?? [key])]
      await Promise.all(runIds.map(runId => connection.request('chat.abort', { sessionKey, runId })))
    },
  }
}

/**
 * Brings a question to its end. The history decides what to do next, events only make it quicker: the same loop serves
 * the first ask, a reconnect and a restart of either side. Why not to trust the key alone: the gateway forgets it after
 * five minutes and at each restart (docs/protocol-gateway.md).
 */
class Pursuer {
  private readonly connection: Connection
  private readonly world: ChatAgentWorld

  constructor(connection: Connection, world: ChatAgentWorld) {
    this.connection = connection
    this.world = world
  }

  async pursue(pursuit: Pursuit, signal: AbortSignal): Promise<RunEnd> {
    const { run } = pursuit
    const cancelled = whenAborted(signal)
    for (;;) {
      const stirred = run.stirred()
      const next = await Promise.race([this.lookAndAct(pursuit), cancelled])
      if (typeof next !== 'number') return next
      const pause = this.wait(next)
      const end = await Promise.race([run.ended, stirred, pause.over, cancelled])
      pause.cancel()
      if (end !== undefined) return end
    }
  }

  /** One look at the session and what follows from it: the end, or how long to listen before the next look. */
  private async lookAndAct(pursuit: Pursuit): Promise<RunEnd | number> {
    const bootId = this.connection.hello?.bootId
    if (bootId === undefined) return listenMs
    try {
      return await this.act(pursuit, await this.look(pursuit.ask.sessionKey), bootId)
    } catch (error) {
      if (isCode(error, 'gateway_down') || isCode(error, 'gateway_timeout')) return lookMs
      if (error instanceof GatewayRefusal && error.retryAfterMs !== undefined) return error.retryAfterMs
      throw error
    }
  }

  private async act(pursuit: Pursuit, history: History, bootId: string): Promise<RunEnd | number> {
    const { ask, run } = pursuit
    const now = this.world.clock.now()
    const step = nextStep(history, standpointOf(pursuit, bootId, now))
    const isLate = now >= ask.askBefore && pursuit.asked === undefined
    switch (step.kind) {
      case 'ask':
        return isLate ? { kind: 'expired' } : this.send(pursuit, bootId, step.key)
      case 'occupied':
        if (isLate) return { kind: 'expired' }
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
      case 'answered':
        return { kind: 'answered', text: await this.wholeText(ask.sessionKey, step.row) }
      case 'failed':
        return { kind: 'failed', reason: 'error', text: step.text }
      case 'stopped':
        return { kind: 'stopped', text: await this.wholeText(ask.sessionKey, step.row) }
      case 'empty':
        return { kind: 'empty' }
      case 'lost':
        return { kind: 'failed', reason: 'lost', text: '' }
      default:
        return step satisfies never
    }
  }

  private async send(pursuit: Pursuit, bootId: string, key: string): Promise<RunEnd | number> {
    const { ask, run } = pursuit
    const { clock } = this.world
    if (pursuit.asked?.bootId !== bootId) {
      await ask.mark(bootId)
      pursuit.asked = { at: clock.now(), bootId }
    }
    run.quietSince = clock.now()
    run.own(key)
    try {
      const ack = await this.connection.request('chat.send', {
        sessionKey: ask.sessionKey,
        message: neutralise(ask.message),
        idempotencyKey: key,
        queueMode: 'followup',
      })
      pursuit.takenBy = bootId
      return stringAt(ack, 'status') === 'timeout' ? { kind: 'stopped', text: '' } : listenMs
    } catch (error) {
      return this.refusedSend(pursuit, error, bootId)
    }
  }

  /** What a refused `chat.send` means: another try, an end, or a repeat whose first end is in the history. */
  private refusedSend(pursuit: Pursuit, error: unknown, bootId: string): RunEnd | number {
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

  private async look(sessionKey: string): Promise<History> {
    return decodeHistory(await this.connection.request('chat.history', { sessionKey, limit: historyRows }))
  }

  /** `chat.history` cuts long messages short; one message alone comes whole. */
  private async wholeText(sessionKey: string, row: HistoryRow): Promise<string> {
    if (row.id === undefined) return row.text
    const params: Json = { sessionKey, messageId: row.id, maxChars: wholeMessageChars }
    const payload = await this.connection.request('chat.message.get', params).catch(error => {
      if (error instanceof GatewayRefusal) return undefined
      throw error
    })
    return payload?.['ok'] === true ? textOf(objectAt(payload, 'message')) || row.text : row.text
  }

  private wait(ms: number): { over: Promise<undefined>; cancel: () => void } {
    const { clock, timers } = this.world
    const { promise, resolve } = Promise.withResolvers<undefined>()
    return { over: promise, cancel: timers.at(clock.now() + ms, () => resolve(undefined)) }
  }
}

function standpointOf({ ask, run, asked, takenBy }: Pursuit, bootId: string, now: number): Standpoint {
  return {
    key: ask.key,
    runIds: run.runIds,
    now,
    bootId,
    isTaken: takenBy === bootId,
    quietSince: run.quietSince,
    ...(asked && { asked }),
    ...(run.emptyEndAt !== undefined && { emptyEndAt: run.emptyEndAt }),
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
