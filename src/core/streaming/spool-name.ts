/** What a file of a turn in the spool is: one that its user sent, or one of its answer. */
type Kind = 'media' | 'answer'

/** The name of a file in the spool that belongs to a turn. */
export function formatSpoolName(kind: Kind, streamId: string, index: number): string {
  return `${kind}_${streamId}_${index}`
}

/** The stream of the turn that a file of this kind belongs to; undefined for every other file. */
export function streamOfFile(kind: Kind, name: string): string | undefined {
  const prefix = `${kind}_`
  return name.startsWith(prefix) ? name.slice(prefix.length, name.lastIndexOf('_')) : undefined
}
