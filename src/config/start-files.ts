/** The workspace files that the gateway accepts in `agents.files.set` (measured on OpenClaw 2026.9.6). */
export const startFileNames: readonly string[] = [
  'AGENTS.md',
  'SOUL.md',
  'IDENTITY.md',
  'USER.md',
  'BOOTSTRAP.md',
  'MEMORY.md',
]

/** Explains why a `workspaceTemplate` folder is not fully usable, or returns undefined. `names` are the entries in the folder. */
export function templateProblem(names: readonly string[]): string | undefined {
  const [accepted, others] = [startFileNames.join(', '), names.filter(name => !startFileNames.includes(name))]
  if (others.length === names.length) return `contains none of the files a new agent can start with: ${accepted}`
  if (others.length === 0) return undefined
  return `the gateway accepts only ${accepted}; ignored: ${others.toSorted().join(', ')}`
}
