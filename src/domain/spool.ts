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

/** How a stream is checked on its way into the spool. */
export interface StreamChecks<Verdict> {
  readonly limitBytes: number
  /** The verdict when more than that arrives. */
  readonly tooLarge: Verdict
  /** Sees every piece, in order. */
  onPiece(piece: Uint8Array): void
  /** Judges the whole, once all of it is written. */
  judge(bytes: number): Verdict | Promise<Verdict>
}

/** Writes a stream to the spool as it arrives. The file stays only when the verdict is `kept`. */
export async function keepStream<Verdict extends { readonly kind: string }>(
  writer: SpoolWriter,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { limitBytes, tooLarge, onPiece, judge }: StreamChecks<Verdict>,
): Promise<Verdict> {
  try {
    let bytes = 0
    for await (const piece of pieces) {
      bytes += piece.length
      if (bytes > limitBytes) return tooLarge
      onPiece(piece)
      await writer.write(piece)
    }
    const verdict = await judge(bytes)
    if (verdict.kind === 'kept') await writer.finish()
    return verdict
  } finally {
    await writer.abandon()
  }
}
