import type { MediaSource } from './delivery.ts'

/** Bytes that leave the process piece by piece. */
export interface MediaBytes {
  readonly bytes: number
  open(): AsyncIterable<Uint8Array>
}

/** A file of the spool that is being written; it is there when `finish` resolves, and not at all after `abandon` before that. */
export interface SpoolWriter {
  write(piece: Uint8Array): Promise<void>
  finish(): Promise<void>
  abandon(): Promise<void>
}

/** Files that wait to be sent or to be given to the agent, by the name of their delivery. */
export interface Spool {
  /** Writes a file; what has this name already is replaced. */
  keep(name: string, bytes: Uint8Array): Promise<void>
  /** Writes a file piece by piece. */
  create(name: string): Promise<SpoolWriter>
  remove(name: string): Promise<void>
  /** Rejects with `not_found` when the file is gone. */
  open(source: MediaSource): Promise<MediaBytes>
  /** The bytes of a file in one of the folders that may be sent from; anything else is refused with `bad_message`. */
  borrow(path: string): Promise<Uint8Array>
  /** Removes files that were kept before `olderThan` and whose name nobody needs; resolves to how many. */
  sweep(isNeeded: (name: string) => Promise<boolean>, olderThan: number): Promise<number>
}
