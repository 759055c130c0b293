import type { Engine } from './engine.ts'

/** A delivery that is not done, where it stands in its lane. */
export interface LanePosition {
  readonly id: string
  readonly seq: number
  readonly position: number
  /** It leads to WeCom, not to the agent. */
  readonly isOut: boolean
}

/**
 * Which deliveries are not done, by lane, lowest position first. Kept in memory, since this process is the only writer
 * and an index over lanes costs a page a message; read from the file when it is not known.
 */
export class Lanes {
  private lanes: Map<string, LanePosition[]> | undefined
  /** All that are in a lane, since one lane may be long. */
  private readonly ids = new Set<string>()
  private out = 0
  private readonly open

  constructor(engine: Engine) {
    this.open = engine.prepare<Omit<LanePosition, 'isOut'> & { lane: string; isOut: number }>(
      `SELECT lane, id, turn_seq AS seq, position, route NOT IN ('gateway', 'media', 'admin') AS isOut FROM delivery WHERE done = 0`,
    )
    engine.watch({ mark() {}, undo: () => this.forget(), forget: () => this.forget() })
  }

  forget(): void {
    this.lanes = undefined
  }

  /** To be called before the file changes: what is not known is read from it. */
  know(): Map<string, LanePosition[]> {
    this.lanes ??= this.read()
    return this.lanes
  }

  enter(lane: string, place: LanePosition): void {
    const lanes = this.know()
    if (this.ids.has(place.id)) return
    this.ids.add(place.id)
    const places = lanes.get(lane)
    if (places === undefined) lanes.set(lane, [place])
    else sortIn(places, place)
    if (place.isOut) this.out++
  }

  leave(lane: string, id: string): void {
    const places = this.know().get(lane)
    const at = places?.findIndex(place => place.id === id) ?? -1
    if (places === undefined || at === -1) return
    this.ids.delete(id)
    if (places[at]?.isOut === true) this.out--
    if (places.length === 1) this.know().delete(lane)
    else places.splice(at, 1)
  }

  head(lane: string): LanePosition | undefined {
    return this.know().get(lane)?.[0]
  }

  /** How many deliveries to WeCom are not done. */
  outgoing(): number {
    this.know()
    return this.out
  }

  /** Rows of the turns whose deliveries in this lane are not done. */
  turnsIn(lane: string): readonly number[] {
    return (
      this.know()
        .get(lane)
        ?.map(place => place.seq) ?? []
    )
  }

  private read(): Map<string, LanePosition[]> {
    const lanes = new Map<string, LanePosition[]>()
    this.ids.clear()
    this.out = 0
    for (const { lane, isOut, ...place } of this.open.iterate()) {
      this.ids.add(place.id)
      const places = lanes.get(lane) ?? []
      places.push({ ...place, isOut: isOut === 1 })
      lanes.set(lane, places)
      this.out += isOut
    }
    for (const places of lanes.values()) places.sort((a, b) => a.position - b.position)
    return lanes
  }
}

function sortIn(places: LanePosition[], place: LanePosition): void {
  const before = places.findLastIndex(({ position }) => position <= place.position)
  places.splice(before + 1, 0, place)
}
