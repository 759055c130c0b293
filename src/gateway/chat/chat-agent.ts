import type { Agent, LinkStatus } from '../../domain/agent.ts'
import type { Connection } from '../link/socket.ts'
import { findFiles } from './answer-files.ts'
import { createFileDownload, type DownloadDeps } from './artifact-download.ts'
import { limitsOf } from './attachments.ts'
import type { ReloadGate } from './reload-gate.ts'
import { Run } from './run.ts'
import { RunFollower } from './run-follower.ts'

/** The part of `Agent` that needs no admin scope. */
export type ChatAgent = Pick<Agent, 'status' | 'limits' | 'onStatus' | 'ask' | 'abort' | 'findFiles' | 'collect'>

/** Implements the chat part of `Agent` over the users' link. */
export function createChatAgent(connection: Connection, gate: ReloadGate, world: DownloadDeps): ChatAgent {
  const runs = new Map<string, Run>()
  const statusListeners: ((status: LinkStatus) => void)[] = []
  const follower = new RunFollower(connection, gate, world)
  connection.subscribe({
    followsSession: key => [...runs.values()].some(run => run.sessionKey === key),
    event(event, payload) {
      gate.handleEvent(event, payload)
      if (event !== 'chat' && event !== 'agent') return
      for (const run of runs.values()) run.handleEvent(event, payload, world.clock.now())
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
      }
    },
    async abort(key, sessionKey) {
      // A resumed run, or one that was queued after another, can be aborted only by its own id.
      const runIds = [...(runs.get(key)?.runIds ?? [key])]
      await Promise.all(runIds.map(runId => connection.request('chat.abort', { sessionKey, runId })))
    },
    findFiles: question => findFiles(connection, world.log, question),
    collect: createFileDownload(connection, world),
  }
}
