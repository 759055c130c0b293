import type { AgentFile } from '../../domain/agent.ts'
import { type Json, listAt, objectAt, stringAt } from '../link/frames.ts'

/** Decodes the files in a message of the history. A file without an id was refused by the gateway. */
export function decodeFiles(message: Json): readonly AgentFile[] {
  return listAt(message, 'content').flatMap(decodeBlock)
}

function decodeBlock(block: Json): readonly AgentFile[] {
  const attachment = objectAt(block, 'attachment')
  if (block['type'] === 'attachment_error') return [describe(attachment)]
  const file = block['type'] === 'attachment' ? attachment : block
  const id = stringAt(file, 'artifactId')
  return id === undefined ? [] : [{ id, ...describe(file) }]
}

function describe(file: Json): AgentFile {
  const name = stringAt(file, 'label') ?? stringAt(file, 'fileName') ?? stringAt(file, 'alt') ?? ''
  return {
    fileName: name.split(/[\\/]/).at(-1) || 'file',
    mimeType: stringAt(file, 'mimeType') ?? 'application/octet-stream',
  }
}
