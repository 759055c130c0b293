import type { OnFrame } from './front.ts'

/** What went over one connection, and what the gateway granted it. */
interface Recorded {
  readonly sent: string[]
  scopes: readonly string[]
}

/** Keeps what goes through a front to the gateway. */
export class Recorder {
  private readonly lines = new Map<number, Recorded>()

  readonly onFrame: OnFrame = (line, from, text) => {
    const recorded = this.lines.get(line) ?? { sent: [], scopes: [] }
    this.lines.set(line, recorded)
    if (from === 'client') recorded.sent.push(text)
    else recorded.scopes = JSON.parse(text).payload?.auth?.scopes ?? recorded.scopes
  }

  /** The connections that were granted admin scope. */
  admins(): readonly Recorded[] {
    return [...this.lines.values()].filter(isAdmin)
  }

  /** The others. */
  users(): readonly Recorded[] {
    return [...this.lines.values()].filter(line => !isAdmin(line))
  }
}

function isAdmin({ scopes }: Recorded): boolean {
  return scopes.includes('operator.admin')
}

/** The methods that were called, without repeats. */
export function methodsOf(lines: readonly Recorded[]): readonly string[] {
  return [...new Set(lines.flatMap(({ sent }) => sent.map(text => String(JSON.parse(text).method))))]
}
