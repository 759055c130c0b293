import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { startFileNames } from '../config/start-files.ts'
import type { StartFile } from '../domain/agent.ts'

/** What a new agent finds in its workspace. Throws what the file system throws. */
export function readStartFiles({ dynamicAgents }: Config): readonly StartFile[] {
  const { enabled, workspaceTemplate: folder } = dynamicAgents
  if (!enabled || folder === undefined) return []
  const names = readdirSync(folder).filter(name => startFileNames.includes(name))
  return names.map(name => ({ name, content: readFileSync(join(folder, name), 'utf8') }))
}
