import type { Agent, LinkStatus } from '../../domain/agent.ts'
import { accountOfSession, isTurnId } from '../../domain/routing.ts'
import type { Connection } from '../link/socket.ts'
import { findFiles } from './answer-files.ts'
import { createFileDownload, type DownloadDeps } from './artifact-download.ts'
import { limitsOf } from './attachments.ts'
import type { ReloadGate } from './reload-gate.ts'
import { Questions } from './questions.ts'
import { Run } from './run.ts'
import { decodeFinal, findUnasked } from './unasked.ts'
import { RunFollower } from './run-follower.ts'

/** The part of `Agent` that needs no admin scope. */
export type ChatAgent = Pick<
  Agent,
  | 'status'
  | 'limits'
  | 'onStatus'
  | 'ask'
  | 'abort'
  | 'findFiles'
  | 'onOtherRun'
  | 'findUnasked'
  | 'onQuestion'
  | 'answerQuestion'
  | 'collect'
>

/** Implements the chat part of `Agent` over the users' link. */
export function createChatAgent(connection: Connection, gate: ReloadGate, world: DownloadDeps): ChatAgent {
  const runs = new Map<string, Run>()
  const followed = new RecentIds()
  const questions = new Questions(connection, world)
  const statusListeners: ((status: LinkStatus) => void)[] = []
  const runListeners: Parameters<Agent['onOtherRun']>[0][] = []
  const isOwn = (runId: string) =>
    isTurnId(runId) || followed.has(runId) || [...runs.values()].some(run => run.runIds.has(runId))
  const follower = new RunFollower(connection, gate, world)
  connection.subscribe({
    followsSession: (key, isFinal) =>
      (isFinal && accountOfSession(key) !== undefined) || [...runs.values()].some(run => run.sessionKey === key),
    event(event, payload) {
      gate.handleEvent(event, payload)
      if (event !== 'chat' && event !== 'agent') return
      for (const run of runs.values()) run.handleEvent(event, payload, world.clock.now())
      const final = event === 'chat' ? decodeFinal(payload) : undefined
      if (final === undefined || accountOfSession(final.sessionKey) === undefined || isOwn(final.runId)) return
      for (const listener of runListeners) listener(final)
    },
    status(status) {
      for (const run of runs.values()) run.wake()
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
        return await follower.follow({
          ask,
          run,
          signal,
          asked: ask.asked,
          acceptedBy: undefined,
          reloads: 0,
          breaks: 0,
        })
      } finally {
        runs.delete(ask.key)
        for (const runId of run.runIds) followed.add(runId)
      }
    },
    async abort(key, sessionKey) {
      // A resumed run, or one that was queued after another, can be aborted only by its own id.
      const runIds = [...(runs.get(key)?.runIds ?? [key])]
      await Promise.all(runIds.map(runId => connection.request('chat.abort', { sessionKey, runId })))
    },
    findFiles: question => findFiles(connection, world.log, question),
    onOtherRun: listener => void runListeners.push(listener),
    findUnasked: sessionKey => findUnasked(connection, world.log, sessionKey, isOwn),
    ...questions.methods,
    collect: createFileDownload(connection, world),
  }
}

/** How many runs with an id of the gateway's are remembered as ours after their end. */
const rememberedRuns = 1_000

/** The newest ids that were added. */
class RecentIds {
  private readonly ids = new Set<string>()

  add(id: string): void {
    this.ids.add(id)
    const [oldest] = this.ids
    if (this.ids.size > rememberedRuns && oldest !== undefined) this.ids.delete(oldest)
  }

  has(id: string): boolean {
    return this.ids.has(id)
  }
}
