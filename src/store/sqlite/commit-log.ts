import type { Delivery } from '../../domain/delivery.ts'
import type { Job } from '../../domain/job.ts'
import type { Commit, TurnChange } from '../../domain/ports.ts'
import type { Turn } from '../../domain/turn.ts'
import type { Engine } from './engine.ts'

/**
 * Collects the rows that a batch writes and reports them once they are on disk (`Store.onCommit`). Rows of an operation
 * that was rolled back are dropped with it.
 */
export class CommitLog {
  private readonly listeners: ((commit: Commit) => void)[] = []
  private turns: TurnChange[] = []
  private deliveries: Delivery[] = []
  private jobs: Job[] = []
  private marked = { turns: 0, deliveries: 0, jobs: 0 }

  constructor(engine: Engine) {
    engine.watch({
      mark: () => {
        const { turns, deliveries, jobs } = this
        this.marked = { turns: turns.length, deliveries: deliveries.length, jobs: jobs.length }
      },
      undo: () => {
        this.turns.length = this.marked.turns
        this.deliveries.length = this.marked.deliveries
        this.jobs.length = this.marked.jobs
      },
      invalidate: () => void this.take(),
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

  addJob(job: Job): void {
    this.jobs.push(job)
  }

  private report(): void {
    const commit = this.take()
    if (commit.turns.length + commit.deliveries.length + commit.jobs.length === 0) return
    for (const listener of this.listeners) listener(commit)
  }

  private take(): Commit {
    const { turns, deliveries, jobs } = this
    this.turns = []
    this.deliveries = []
    this.jobs = []
    return { turns, deliveries, jobs }
  }
}
