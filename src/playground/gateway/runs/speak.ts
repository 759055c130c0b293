import type { Clock } from '../../../world.ts'
import type { Emit } from '../frames.ts'
import { type Disk, endRow, normaliseKey, openSession, userRow } from './history.ts'

/** What the agent says under a run of its own. With `asked`, another client has asked it. */
export interface Spoken {
  readonly sessionKey: string
  readonly runId: string
  readonly text: string
  readonly asked?: string
}

/** Writes what the agent says unasked into its session and tells every client, as OpenClaw does. */
export function speak(
  { clock, disk, newId, emit }: { clock: Clock; disk: Disk; newId: () => string; emit: Emit },
  { sessionKey, runId, text, asked }: Spoken,
): void {
  const session = openSession(disk, normaliseKey(sessionKey), newId)
  const endedAt = clock.now()
  if (asked !== undefined) session.rows.push(userRow({ message: asked, media: [] }, endedAt, runId))
  const row = endRow({ state: 'final', text, files: [], endedAt }, runId)
  if (row !== undefined) session.rows.push(row)
  const message = { role: 'assistant', content: [{ type: 'text', text }], timestamp: endedAt }
  emit('chat', { runId, sessionKey: session.key, seq: 1, state: 'final', stopReason: 'stop', message })
}
