/**
 * Lanes: queues in which one row goes at a time, in order.
 *
 * The tasks of a conversation and the deliveries to a target must not overtake each other. So of each lane only the
 * head, the unfinished row with the lowest position, may be claimed. The head can be held, leased or not due yet, and
 * then the rest of the lane waits with it.
 *
 * The straightforward query ("the lowest position per lane, of the unfinished rows that are due") reads every waiting
 * row at every claim, and a target that is held for hours has thousands of them. An index over the lanes would help,
 * but lane names are random keys, so each message would write one more page to the log. So the answer is stored where
 * the claim looks for it, as a column `head` (0 or 1) in the row itself, and this class keeps that column right. In
 * memory it has only the unfinished rows, by lane.
 *
 * Keeping it right is the difficulty:
 *
 * - A head changes when a row is added in front (a merged turn takes an earlier place, a finished task is queued
 *   again), and when the head is done. Then another row's column has to change too, in the same operation: `place`
 *   reports it through `setHead`.
 * - The memory must follow rollbacks. After an `undo` or a failed commit it is dropped as a whole and read again at the
 *   next use. That is rare, and simpler than undoing list operations.
 * - It must be read before the file changes in an operation. Otherwise `place` would find the lane as it is after the
 *   write and miss that its head has changed. That is why `headFlag`, which is called before a write, always loads it.
 * - The sweep deletes rows directly and calls `invalidate`.
 *
 * - Two rows with one position have no order that survives a restart: the memory would be read in another order than the
 *   one in which it grew, and its first would not be the row with `head = 1`. So positions in a lane are unique (`freePlace`).
 *
 * Invariants: each lane with unfinished rows has exactly one row with `head = 1`, its first. No finished row has it.
 * This process is the only writer of the file.
 */
import type { Engine } from './engine.ts'

/** An unfinished row. `seq` is the key of the row in its table, `position` its place in the lane, lowest first. */
export interface LanePosition {
  readonly id: string
  readonly seq: number
  readonly position: number
}

/** The unfinished rows of a table by lane. `read` reads all of them from the file, in any order. */
export class Lanes {
  private lanes: Map<string, LanePosition[]> | undefined
  /** The ids in all lanes. Searching a long lane for an id would be slow. */
  private readonly ids = new Set<string>()
  private readonly read: () => Iterable<LanePosition & { readonly lane: string }>

  constructor(engine: Engine, read: () => Iterable<LanePosition & { readonly lane: string }>) {
    this.read = read
    engine.watch({ mark() {}, undo: () => this.invalidate(), invalidate: () => this.invalidate() })
  }

  /** Drops the memory. It is read from the file at the next use. */
  invalidate(): void {
    this.lanes = undefined
  }

  /**
   * Inserts a row into its lane, or removes it if it is done. Calls `setHead` for another row that became the head or
   * no longer is. It is not called for the row itself, which was written with its `headFlag`.
   */
  place(lane: string, { isDone, ...row }: LanePosition & { readonly isDone: boolean }, setHead: SetHead): void {
    const before = this.head(lane)
    if (isDone) this.remove(lane, row.id)
    else this.insert(lane, row)
    const after = this.head(lane)
    if (before?.id === after?.id) return
    if (before !== undefined && before.id !== row.id) setHead(0, before)
    if (after !== undefined && after.id !== row.id) setHead(1, after)
  }

  /** The column `head` of a row that is about to be written: 1 if it is, or will be, the first of its lane. */
  headFlag(lane: string, { id, position, isDone }: Omit<LanePosition, 'seq'> & { readonly isDone: boolean }): 0 | 1 {
    const head = this.head(lane) // first, so that the memory is loaded before the write
    if (isDone) return 0
    return head === undefined || head.id === id || position < head.position ? 1 : 0
  }

  /** The wanted position, or the next one that no unfinished row of the lane has. */
  freePlace(lane: string, wanted: number): number {
    return this.rowsIn(lane).reduce((free, { position }) => (position === free ? free + 1 : free), wanted)
  }

  /** The first unfinished row of a lane. */
  head(lane: string): LanePosition | undefined {
    return this.loaded().get(lane)?.[0]
  }

  /** The number of unfinished rows in all lanes. */
  size(): number {
    this.loaded()
    return this.ids.size
  }

  /** The unfinished rows of a lane, in order. */
  rowsIn(lane: string): readonly LanePosition[] {
    return this.loaded().get(lane) ?? []
  }

  private insert(lane: string, row: LanePosition): void {
    const lanes = this.loaded()
    if (this.ids.has(row.id)) return
    this.ids.add(row.id)
    const rows = lanes.get(lane)
    if (rows === undefined) lanes.set(lane, [row])
    else rows.splice(rows.findLastIndex(({ position }) => position <= row.position) + 1, 0, row)
  }

  private remove(lane: string, id: string): void {
    const rows = this.loaded().get(lane)
    const at = rows?.findIndex(row => row.id === id) ?? -1
    if (rows === undefined || at === -1) return
    this.ids.delete(id)
    if (rows.length === 1) this.loaded().delete(lane)
    else rows.splice(at, 1)
  }

  /** Must be called before the file changes, because it may read it. */
  private loaded(): Map<string, LanePosition[]> {
    this.lanes ??= this.load()
    return this.lanes
  }

  private load(): Map<string, LanePosition[]> {
    const lanes = new Map<string, LanePosition[]>()
    this.ids.clear()
    for (const { lane, ...row } of this.read()) {
      this.ids.add(row.id)
      const rows = lanes.get(lane)
      if (rows === undefined) lanes.set(lane, [row])
      else rows.push(row)
    }
    for (const rows of lanes.values()) rows.sort((a, b) => a.position - b.position)
    return lanes
  }
}

type SetHead = (head: 0 | 1, row: LanePosition) => void
