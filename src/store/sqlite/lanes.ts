import type { Engine } from './engine.ts'

/** A row that is not done, at its place in its lane. */
export interface LanePosition {
  readonly id: string
  readonly seq: number
  readonly position: number
}

/**
 * Which rows are not done, by lane, lowest position first. Kept in memory, since this process is the only writer and an
 * index over lanes costs a page a message; read from the file by `read` when it is not known.
 */
export class Lanes {
  private lanes: Map<string, LanePosition[]> | undefined
  /** All that are in a lane, since one lane may be long. */
  private readonly ids = new Set<string>()
  private readonly read: () => Iterable<LanePosition & { readonly lane: string }>

  constructor(engine: Engine, read: () => Iterable<LanePosition & { readonly lane: string }>) {
    this.read = read
    engine.watch({ mark() {}, undo: () => this.forget(), forget: () => this.forget() })
  }

  forget(): void {
    this.lanes = undefined
  }

  /**
   * Enters a row into its lane, or takes it out where it is done. `move` is called for the rows that became the head of
   * the lane, or are no longer; never for the row itself.
   */
  place(lane: string, { isDone, ...row }: LanePosition & { readonly isDone: boolean }, move: MoveHead): void {
    const before = this.head(lane)
    if (isDone) this.leave(lane, row.id)
    else this.enter(lane, row)
    const after = this.head(lane)
    if (before?.id === after?.id) return
    if (before !== undefined && before.id !== row.id) move(0, before)
    if (after !== undefined && after.id !== row.id) move(1, after)
  }

  /** 1 when a row is, or will be, the first of its lane. */
  leads(lane: string, { id, position, isDone }: Omit<LanePosition, 'seq'> & { readonly isDone: boolean }): 0 | 1 {
    const head = this.head(lane)
    if (isDone) return 0
    return head === undefined || head.id === id || position < head.position ? 1 : 0
  }

  head(lane: string): LanePosition | undefined {
    return this.known().get(lane)?.[0]
  }

  /** How many rows are not done. */
  size(): number {
    this.known()
    return this.ids.size
  }

  rowsIn(lane: string): readonly LanePosition[] {
    return this.known().get(lane) ?? []
  }

  private enter(lane: string, row: LanePosition): void {
    const lanes = this.known()
    if (this.ids.has(row.id)) return
    this.ids.add(row.id)
    const rows = lanes.get(lane)
    if (rows === undefined) lanes.set(lane, [row])
    else rows.splice(rows.findLastIndex(({ position }) => position <= row.position) + 1, 0, row)
  }

  private leave(lane: string, id: string): void {
    const rows = this.known().get(lane)
    const at = rows?.findIndex(row => row.id === id) ?? -1
    if (rows === undefined || at === -1) return
    this.ids.delete(id)
    if (rows.length === 1) this.known().delete(lane)
    else rows.splice(at, 1)
  }

  /** To be called before the file changes: what is not known is read from it. */
  private known(): Map<string, LanePosition[]> {
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

type MoveHead = (head: 0 | 1, row: LanePosition) => void
