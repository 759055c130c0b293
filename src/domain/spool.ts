import type { MediaSource } from './delivery.ts'

/** Content that is read in chunks. `bytes` is its total size. */
export interface MediaBytes {
  readonly bytes: number
  open(): AsyncIterable<Uint8Array>
}

/**
 * A spool file being written. It exists once `finish` resolves; `abandon` before that leaves nothing, and after it is a
 * no-op.
 */
export interface SpoolWriter {
  write(piece: Uint8Array): Promise<void>
  finish(): Promise<void>
  abandon(): Promise<void>
}

/** The folder of files that wait to be sent to WeCom or given to the agent. Files are stored by name. */
export interface Spool {
  /** Writes a file. Replaces one with the same name. */
  keep(name: string, bytes: Uint8Array): Promise<void>
  /** Writes a file chunk by chunk. */
  create(name: string): Promise<SpoolWriter>
  remove(name: string): Promise<void>
  /** The bytes of all files, and how many there may be. */
  usage(): { readonly bytes: number; readonly quotaBytes: number }
  /** Rejects with `not_found` if the file no longer exists. */
  open(source: MediaSource): Promise<MediaBytes>
  /** Reads a file outside the spool. Rejects with `bad_message` unless it is in a folder of `admin.mediaRoots`. */
  borrow(path: string): Promise<Uint8Array>
  /** Removes files written before `olderThan` (epoch ms) that are no longer needed. Resolves to the number removed. */
  sweep(isNeeded: (name: string) => Promise<boolean>, olderThan: number): Promise<number>
}

/** How `keepStream` checks a stream. */
export interface StreamChecks<Verdict> {
  readonly limitBytes: number
  /** The verdict on a stream of more than `limitBytes`. */
  readonly tooLarge: Verdict
  /** Called with every chunk, in order. */
  onPiece(piece: Uint8Array): void
  /** Called once the whole stream is written, with its size. */
  judge(bytes: number): Verdict | Promise<Verdict>
}

/** Writes a stream to the spool as it arrives. The file is kept only if the verdict is `kept`. */
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
