import { describe, test } from 'bun:test'
import type { Store } from '../../src/domain/ports.ts'
import { beginTests } from './conformance-begin.ts'
import { changeTests } from './conformance-change.ts'
import { claimTests } from './conformance-claim.ts'
import { commitTests } from './conformance-commit.ts'
import { deliveryTests } from './conformance-delivery.ts'
import { endureTests } from './conformance-endure.ts'
import { factTests } from './conformance-facts.ts'
import { openTests } from './conformance-open.ts'
import { queueTests } from './conformance-queue.ts'
import { sendTests } from './conformance-send.ts'
import { sweepTests } from './conformance-sweep.ts'
import { taskTests } from './conformance-task.ts'

/** An open store on an empty database. It must derive the deadlines of turns with `nextDeadline`. */
export interface Opened {
  readonly store: Store
  /** Opens the state that kill -9 would leave now, as the next process would. */
  reopen(): Promise<Store>
  close(): Promise<void>
}

export interface EngineUnderTest {
  readonly name: string
  open(): Promise<Opened>
}

/** A behaviour that every engine must have. `check` starts on an empty database. */
export interface Behaviour {
  readonly name: string
  check(store: Store, opened: Opened): Promise<void>
}

/** Tests the contract of the store ports in `src/domain/ports.ts`, for any engine. */
export function testConformance(engine: EngineUnderTest): void {
  const turns = [openTests, changeTests, deliveryTests, queueTests, taskTests, claimTests, endureTests, sweepTests]
  const groups = [...turns, sendTests, beginTests, factTests, commitTests]
  describe(engine.name, () => {
    for (const { name, check } of groups.flat()) {
      test(name, async () => {
        const opened = await engine.open()
        try {
          await check(opened.store, opened)
        } finally {
          await opened.close()
        }
      })
    }
  })
}
