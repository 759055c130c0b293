import { hasBubble, type Turn } from '../domain/turn.ts'
import { messageOf } from '../errors.ts'
import { createDecisions, tellOfApprovals } from './ask/approve.ts'
import { Asker } from './ask/ask.ts'
import { Deliverer } from './deliver/deliver.ts'
import type { BridgeContext } from './context.ts'
import { Fetcher } from './deliver/fetch.ts'
import { createDeadlineSource, createSnapshotSource, saveSnapshots } from './ask/follow.ts'
import { createLeaseSource, createRetentionSource } from './maintenance.ts'

/** Where the bridge's sources wait; the scheduler, seen from here. */
export interface SourceRegistry {
  add(source: { name: string; nextDue(): number | undefined; run(now: number): Promise<void> }): void
}

/** Everything of the bridge that happens by itself. */
export interface BridgeWork {
  /** Something was stored that goes to WeCom. */
  deliveryAdded(): void
  turnOpened(turn: Turn): void
  turnChanged(turn: Turn): void
  /** Claims nothing more, lets what runs end for at most `limitMs`, saves what was said so far. */
  drain(limitMs: number): Promise<void>
}

/** Puts everything that waits on the one scheduler. */
export function startBridge(
  context: BridgeContext,
  waiting: SourceRegistry,
  retention: { contentDays: number; rowDays: number },
): BridgeWork {
  const { carrier: deliveries } = new Deliverer(context, turn => changed(turn))
  const deliveryAdded = () => {
    deliveries.expect()
    context.wake()
  }
  const bubbleClosed = tellOfApprovals(context, deliveryAdded)
  const changed = (turn: Turn): void => {
    deadlines.expect(turn)
    if (turn.stopAt !== undefined && turn.end === undefined) asker.halt(turn.id)
    if (turn.state === 'moved' && turn.end === undefined) bubbleClosed(turn)
    const hasFiles = turn.files !== undefined
    if (hasFiles) fetches.expect()
    // Else nothing of it goes to WeCom.
    if (turn.state === 'moved' || turn.card?.state === 'pending' || hasFiles || !hasBubble(turn)) deliveries.expect()
    if (turn.trace.at(-1)?.['lost'] === true)
      context.log.warn('an answer cannot be brought home whole', { turn: turn.id })
    context.wake()
  }
  const asker = new Asker(context, changed)
  const askSoon = () => {
    asker.expect()
    context.wake()
  }
  const { carrier: fetches } = new Fetcher(context, askSoon, changed)
  const decisions = createDecisions(context, changed)
  const deadlines = createDeadlineSource(context, changed)
  const carriers = [fetches, decisions, deliveries]
  for (const source of [asker, ...carriers, deadlines, createSnapshotSource(context)]) waiting.add(source)
  waiting.add(createLeaseSource(asker, carriers, context.store))
  waiting.add(createRetentionSource(context, retention))
  context.agent.onStatus(askSoon)
  return {
    deliveryAdded,
    turnOpened(turn) {
      asker.expect()
      if (turn.attachments !== undefined) fetches.expect()
      if (turn.command !== undefined) decisions.expect()
      changed(turn)
    },
    turnChanged: changed,
    async drain(limitMs) {
      const complain = (error: unknown) => context.log.error('not all could be saved', { error: messageOf(error) })
      await Promise.all([
        asker.stop(limitMs).catch(complain),
        deliveries.stop(limitMs),
        fetches.stop(limitMs),
        decisions.stop(limitMs),
      ])
      await saveSnapshots(context).catch(complain)
    },
  }
}
