import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { startFileNames } from '../config/start-files.ts'
import type { StartFile } from '../domain/agent.ts'

/** Reads the initial workspace files of a new agent. Throws if the template folder cannot be read. */
export function readStartFiles({ dynamicAgents }: Config): readonly StartFile[] {
  const { enabled, workspaceTemplate: folder } = dynamicAgents
  if (!enabled || folder === undefined) return []
  const isFile = (name: string) => statSync(join(folder, name)).isFile()
  const names = readdirSync(folder).filter(name => startFileNames.includes(name) && isFile(name))
  return names.map(name => ({ name, content: readFileSync(join(folder, name), 'utf8') }))
}
