import type { ReplyChunk } from '../../domain/agent.ts'
import type { Phase } from '../../domain/turn.ts'

interface Snapshot {
  text: string
  phase?: Phase
  /** When the text last changed. */
  textAt: number
  chunks: number
  /** When `text` was last saved. 0: never, so the first text is saved at once. */
  savedAt: number
  isDirty: boolean
}

/** A streaming answer is saved at most this often. */
const saveEveryMs = 1_000

/**
 * The newest text of the answers that stream into this process, by turn id. It is saved to the store at the first text
 * and then at most once a second. A crash therefore loses at most a second of shown text, and never the answer: the
 * gateway's history still has it.
 */
export class LiveAnswers {
  private readonly snapshots = new Map<string, Snapshot>()

  record(turnId: string, chunk: ReplyChunk, now: number): void {
    const snapshot = this.snapshots.get(turnId) ?? { text: '', textAt: now, chunks: 0, savedAt: 0, isDirty: false }
    this.snapshots.set(turnId, snapshot)
    if (chunk.kind === 'phase') snapshot.phase = chunk.phase
    if (chunk.kind === 'resumed') snapshot.phase = 'resuming'
    if (chunk.kind !== 'text') return
    snapshot.chunks++
    if (chunk.text === snapshot.text) return
    snapshot.text = chunk.text
    snapshot.textAt = now
    snapshot.isDirty = true
  }

  /**
   * Undefined while there is no text. Then the bubble shows the text in the store, which a previous process may have
   * saved.
   */
  text(turnId: string): string | undefined {
    return this.snapshots.get(turnId)?.text || undefined
  }

  textAt(turnId: string): number | undefined {
    return this.snapshots.get(turnId)?.textAt
  }

  phase(turnId: string): Phase | undefined {
    return this.snapshots.get(turnId)?.phase
  }

  chunks(turnId: string): number {
    return this.snapshots.get(turnId)?.chunks ?? 0
  }

  drop(turnId: string): void {
    this.snapshots.delete(turnId)
  }

  nextSaveAt(): number | undefined {
    let earliest: number | undefined
    for (const snapshot of this.snapshots.values()) {
      const at = snapshot.savedAt + saveEveryMs
      if (snapshot.isDirty && (earliest === undefined || at < earliest)) earliest = at
    }
    return earliest
  }

  /**
   * The snapshots that are due to be saved. They count as saved from now on: a failed save is not retried before the
   * next change.
   */
  takeDue(now: number): readonly { turnId: string; text: string }[] {
    const due: { turnId: string; text: string }[] = []
    for (const [turnId, snapshot] of this.snapshots) {
      if (!snapshot.isDirty || snapshot.savedAt + saveEveryMs > now) continue
      snapshot.isDirty = false
      snapshot.savedAt = now
      due.push({ turnId, text: snapshot.text })
    }
    return due
  }
}
