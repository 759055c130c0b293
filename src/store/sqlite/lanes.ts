import type { Engine } from './engine.ts'

/** A delivery that is not done, where it stands in its lane. */
interface Place {
  readonly id: string
  readonly seq: number
  readonly position: number
}

/**
 * Which deliveries are not done, by lane, lowest position first. Kept in memory, since this process is the only writer
 * and an index over lanes costs a page a message; read from the file when it is not known.
 */
export class Lanes {
  private lanes: Map<string, Place[]> | undefined
  private readonly open

  constructor(engine: Engine) {
    this.open = engine.prepare<Place & { lane: string }>(
      'SELECT lane, id, turn_seq AS seq, position FROM delivery WHERE done = 0',
    )
    engine.watch({ mark() {}, undo: () => this.forget(), forget: () => this.forget() })
  }

  forget(): void {
    this.lanes = undefined
  }

  /** To be called before the file changes: what is not known is read from it. */
  know(): Map<string, Place[]> {
    this.lanes ??= this.read()
    return this.lanes
  }

  enter(lane: string, place: Place): void {
    const places = this.know().get(lane)
    if (places === undefined) this.know().set(lane, [place])
    else if (!places.some(({ id }) => id === place.id)) sortIn(places, place)
  }

  leave(lane: string, id: string): void {
    const places = this.know().get(lane)
    const at = places?.findIndex(place => place.id === id) ?? -1
    if (places === undefined || at === -1) return
    if (places.length === 1) this.know().delete(lane)
    else places.splice(at, 1)
  }

  isHead(lane: string, id: string): boolean {
    return this.know().get(lane)?.[0]?.id === id
  }

  /** Rows of the turns whose deliveries in this lane are not done. */
  turnsIn(lane: string): readonly number[] {
    return (
      this.know()
        .get(lane)
        ?.map(place => place.seq) ?? []
    )
  }

  private read(): Map<string, Place[]> {
    const lanes = new Map<string, Place[]>()
    for (const { lane, ...place } of this.open.iterate()) {
      const places = lanes.get(lane)
      if (places === undefined) lanes.set(lane, [place])
      else sortIn(places, place)
    }
    return lanes
  }
}

function sortIn(places: Place[], place: Place): void {
  const before = places.findLastIndex(({ position }) => position <= place.position)
  places.splice(before + 1, 0, place)
}
