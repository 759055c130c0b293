/** A content block of a message: text, or a file. */
export interface Block {
  readonly type: 'text' | 'image' | 'audio' | 'attachment' | 'attachment_error'
  readonly text?: string
  readonly [more: string]: unknown
}

/**
 * A file in the agent's answer. The gateway delivers it, or rejects it with a reason. `afterMs` is when it is registered
 * after the end of the run; `Infinity` means never.
 */
export type ScriptFile = { readonly name: string; readonly mimeType: string; readonly afterMs?: number } & (
  | { readonly bytes: Uint8Array }
  | { readonly refused: 'unsupported-format' | 'file-not-found' }
)

/** A file as the gateway stores it. */
export interface StoredFile {
  readonly artifactId: string
  readonly path: string
  readonly runId: string
  readonly name: string
  readonly mimeType: string
  readonly bytes: Uint8Array
}

/** The content block of a file in an answer's row. */
export function blockOf({ artifactId, path: url, name, mimeType, bytes }: StoredFile): Block {
  const more = { artifactId, url, mimeType, sizeBytes: bytes.length }
  if (mimeType.startsWith('image/')) return { type: 'image', ...more, alt: name }
  if (mimeType.startsWith('audio/')) return { type: 'audio', ...more, fileName: name }
  return { type: 'attachment', attachment: { ...more, kind: 'document', label: name } }
}
