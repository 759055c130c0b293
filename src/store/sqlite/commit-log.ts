import type { Delivery } from '../../domain/delivery.ts'
import type { Commit, TurnChange } from '../../domain/ports.ts'
import type { Turn } from '../../domain/turn.ts'
import type { Engine } from './engine.ts'

/** Collects what the operations of a batch write, and reports it once the batch is on disk. */
export class CommitLog {
  private readonly listeners: ((commit: Commit) => void)[] = []
  private turns: TurnChange[] = []
  private deliveries: Delivery[] = []
  private marked = { turns: 0, deliveries: 0 }

  constructor(engine: Engine) {
    engine.watch({
      mark: () => {
        this.marked = { turns: this.turns.length, deliveries: this.deliveries.length }
      },
      undo: () => {
        this.turns.length = this.marked.turns
        this.deliveries.length = this.marked.deliveries
      },
      forget: () => void this.take(),
      committed: () => this.report(),
    })
  }

  onCommit(listener: (commit: Commit) => void): void {
    this.listeners.push(listener)
  }

  addTurn(before: Turn | undefined, after: Turn): void {
    this.turns.push(before === undefined ? { after } : { before, after })
  }

  addDelivery(delivery: Delivery): void {
    this.deliveries.push(delivery)
  }

  private report(): void {
    const commit = this.take()
    if (commit.turns.length + commit.deliveries.length === 0) return
    for (const listener of this.listeners) listener(commit)
  }

  private take(): Commit {
    const { turns, deliveries } = this
    this.turns = []
    this.deliveries = []
    return { turns, deliveries }
  }
}
