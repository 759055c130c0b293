import type { Approval } from '../domain/agent.ts'
import { hasBubble, type Turn } from '../domain/turn.ts'
import { messageOf } from '../errors.ts'
import { tellOfApproval } from './approve.ts'
import { Asker } from './ask.ts'
import { Deliverer } from './deliver.ts'
import type { Desk } from './desk.ts'
import { Errands } from './errands.ts'
import { createDeadlineSource, createSnapshotSource, saveSnapshots } from './follow.ts'
import { createLeaseSource, createRetentionSource } from './upkeep.ts'

/** Where the bridge's sources wait; the scheduler, seen from here. */
export interface Waiting {
  add(source: { name: string; nextDue(): number | undefined; run(now: number): Promise<void> }): void
}

/** Everything of the bridge that happens by itself. */
export interface Work {
  /** Something was stored that goes to WeCom. */
  deliveryAdded(): void
  turnOpened(turn: Turn): void
  turnChanged(turn: Turn): void
  /** Claims nothing more, lets what runs end for at most `limitMs`, saves what was said so far. */
  drain(limitMs: number): Promise<void>
}

/** Puts everything that waits on the one scheduler. */
export function scheduleWork(desk: Desk, waiting: Waiting, retention: { contentDays: number; rowDays: number }): Work {
  const { carrier: deliveries } = new Deliverer(desk, turn => changed(turn))
  const changed = (turn: Turn): void => {
    deadlines.expect(turn)
    if (turn.stopAt !== undefined && turn.end === undefined) asker.halt(turn.id)
    if (turn.state === 'moved' && turn.end === undefined) {
      for (const approval of desk.agent.approvals()) if (approval.runId === turn.id) tell(approval)
    }
    const hasFiles = turn.files !== undefined
    if (hasFiles) errands.expect()
    // Else nothing of it goes to WeCom.
    if (turn.state === 'moved' || turn.card?.state === 'pending' || hasFiles || !hasBubble(turn)) deliveries.expect()
    if (turn.trace.at(-1)?.['lost'] === true) desk.log.warn('an answer cannot be brought home whole', { turn: turn.id })
    desk.wake()
  }
  const asker = new Asker(desk, changed)
  const { carrier: errands } = new Errands(
    desk,
    () => {
      asker.expect()
      desk.wake()
    },
    changed,
  )
  const deadlines = createDeadlineSource(desk, changed)
  waiting.add(asker)
  waiting.add(errands)
  waiting.add(deliveries)
  waiting.add(deadlines)
  waiting.add(createSnapshotSource(desk))
  waiting.add(createLeaseSource(asker, [deliveries, errands], desk.store))
  waiting.add(createRetentionSource(desk, retention))
  desk.agent.onStatus(() => {
    asker.expect()
    desk.wake()
  })
  const deliveryAdded = () => {
    deliveries.expect()
    desk.wake()
  }
  const tell = (approval: Approval): void => {
    tellOfApproval(desk, approval).then(
      isTold => void (isTold && deliveryAdded()),
      error => desk.log.warn('nobody was told that a run waits', { error: messageOf(error) }),
    )
  }
  desk.agent.onApproval(tell)
  return {
    deliveryAdded,
    turnOpened(turn) {
      asker.expect()
      if (turn.attachments !== undefined || turn.command !== undefined) errands.expect()
      changed(turn)
    },
    turnChanged: changed,
    async drain(limitMs) {
      const complain = (error: unknown) => desk.log.error('not all could be saved', { error: messageOf(error) })
      await Promise.all([asker.stop(limitMs).catch(complain), deliveries.stop(limitMs), errands.stop(limitMs)])
      await saveSnapshots(desk).catch(complain)
    },
  }
}
