/** A piece of a message: text, or a file. */
export interface Block {
  readonly type: 'text' | 'image' | 'audio' | 'attachment' | 'attachment_error'
  readonly text?: string
  readonly [more: string]: unknown
}

/** A file that the agent names in its answer; the gateway hands it over, or refuses to. */
export type MadeFile = { readonly name: string; readonly mimeType: string } & (
  | { readonly bytes: Uint8Array }
  | { readonly refused: 'unsupported-format' | 'file-not-found' }
)

/** A file as the gateway keeps it. */
export interface KeptFile {
  readonly artifactId: string
  readonly path: string
  readonly runId: string
  readonly name: string
  readonly mimeType: string
  readonly bytes: Uint8Array
}

/** As the row of an answer shows it. */
export function blockOf({ artifactId, path: url, name, mimeType, bytes }: KeptFile): Block {
  const more = { artifactId, url, mimeType, sizeBytes: bytes.length }
  if (mimeType.startsWith('image/')) return { type: 'image', ...more, alt: name }
  if (mimeType.startsWith('audio/')) return { type: 'audio', ...more, fileName: name }
  return { type: 'attachment', attachment: { ...more, kind: 'document', label: name } }
}
