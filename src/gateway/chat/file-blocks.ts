import type { AgentFile } from '../../domain/agent.ts'
import { type Json, listAt, objectAt, stringAt } from '../link/frames.ts'

/** The files in a message of the history. Those without an id the gateway refuses to hand over. */
export function decodeFiles(message: Json): readonly AgentFile[] {
  return listAt(message, 'content').flatMap(decodeBlock)
}

function decodeBlock(block: Json): readonly AgentFile[] {
  const attachment = objectAt(block, 'attachment')
  if (block['type'] === 'attachment_error') return [describe(attachment)]
  const one = block['type'] === 'attachment' ? attachment : block
  const id = stringAt(one, 'artifactId')
  return id === undefined ? [] : [{ id, ...describe(one) }]
}

function describe(one: Json): AgentFile {
  const name = stringAt(one, 'label') ?? stringAt(one, 'fileName') ?? stringAt(one, 'alt') ?? ''
  return {
    fileName: name.split(/[\\/]/).at(-1) || 'file',
    mimeType: stringAt(one, 'mimeType') ?? 'application/octet-stream',
  }
}
