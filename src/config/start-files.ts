/** Files of a workspace that the gateway lets others write (measured on OpenClaw 2026.9.6). */
export const startFileNames: readonly string[] = [
  'AGENTS.md',
  'SOUL.md',
  'IDENTITY.md',
  'USER.md',
  'BOOTSTRAP.md',
  'MEMORY.md',
]

/** What is doubtful about the folder that new agents start with; `names` is what lies in it. */
export function templateProblem(names: readonly string[]): string | undefined {
  const [known, others] = [startFileNames.join(', '), names.filter(name => !startFileNames.includes(name))]
  if (others.length === names.length) return `holds none of the files that a new agent can start with: ${known}`
  return others.length === 0 ? undefined : `the gateway takes only ${known}; left out: ${others.toSorted().join(', ')}`
}
