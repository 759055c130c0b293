/** Whose file it is: media that the user sent, or a file of the answer. */
type Kind = 'media' | 'answer'

/** Formats the spool name of a turn's file. Retention finds the turn by it. */
export function formatSpoolName(kind: Kind, streamId: string, index: number): string {
  return `${kind}_${streamId}_${index}`
}

/** Returns the stream id of the turn that a file belongs to; undefined if it is not of this kind. */
export function streamOfFile(kind: Kind, name: string): string | undefined {
  const prefix = `${kind}_`
  return name.startsWith(prefix) ? name.slice(prefix.length, name.lastIndexOf('_')) : undefined
}
