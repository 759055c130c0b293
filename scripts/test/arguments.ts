/** How `bun run test` was called. */
export interface Arguments {
  readonly isUnit: boolean
  /** Parts of paths, as `bun test` takes them. */
  readonly filters: readonly string[]
  /** For `bun test`. */
  readonly flags: readonly string[]
}

/** The flags of `bun test` whose value is the next argument. */
const withValue = new Set(['-t', '--test-name-pattern', '--timeout', '--reporter', '--reporter-outfile', '--seed'])

export function parseArguments(args: readonly string[]): Arguments {
  const filters: string[] = []
  const flags: string[] = []
  let isUnit = false
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ''
    if (arg === '--unit') isUnit = true
    else if (!arg.startsWith('-')) filters.push(arg.replace(/^\.\//, ''))
    else flags.push(...args.slice(at, withValue.has(arg) ? ++at + 1 : at + 1))
  }
  return { isUnit, filters, flags }
}
