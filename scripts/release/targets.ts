/**
 * What we publish. Since Bun 1.4 the two x64 names hold the same Bun, one build for all CPUs; both stay, people ask for
 * either.
 */
export const targets = ['linux-x64', 'linux-x64-baseline', 'linux-arm64', 'linux-x64-musl', 'linux-arm64-musl'] as const

export type Target = (typeof targets)[number]

export function fileOf(target: Target): string {
  return `wecomd-${target}`
}
