import type { AskAttachment } from '../../domain/agent.ts'
import type { TurnAttachment } from '../../domain/turn.ts'
import type { BridgeContext } from '../context.ts'

/** The fetched files of a question, in the form that the agent accepts. Each file is opened when it is read. */
export function openAttachments(
  { spool }: BridgeContext,
  attachments: readonly TurnAttachment[],
): readonly AskAttachment[] {
  const kept = attachments.filter(one => one.state === 'kept')
  return kept.map(({ file, fileName = 'file', mimeType = 'application/octet-stream', bytes = 0 }) => ({
    kind: kindOf(mimeType),
    mimeType,
    fileName,
    bytes,
    async *open() {
      const opened = await spool.open({ kind: 'spool', file })
      yield* opened.open()
    },
  }))
}

function kindOf(mimeType: string): AskAttachment['kind'] {
  if (mimeType.startsWith('image/')) return 'image'
  return mimeType.startsWith('audio/') ? 'audio' : 'file'
}
