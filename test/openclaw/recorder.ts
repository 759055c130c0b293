import type { OnFrame } from './front.ts'

/** The frames of one connection and the scopes the gateway granted it. */
interface Recorded {
  readonly sent: string[]
  scopes: readonly string[]
}

/** Records the frames that pass through a front to the gateway. */
export class Recorder {
  private readonly lines = new Map<number, Recorded>()

  readonly onFrame: OnFrame = (line, from, text) => {
    const recorded = this.lines.get(line) ?? { sent: [], scopes: [] }
    this.lines.set(line, recorded)
    if (from === 'client') recorded.sent.push(text)
    else recorded.scopes = JSON.parse(text).payload?.auth?.scopes ?? recorded.scopes
  }

  /** Connections with admin scope. */
  admins(): readonly Recorded[] {
    return [...this.lines.values()].filter(isAdmin)
  }

  /** Connections without admin scope. */
  users(): readonly Recorded[] {
    return [...this.lines.values()].filter(line => !isAdmin(line))
  }
}

function isAdmin({ scopes }: Recorded): boolean {
  return scopes.includes('operator.admin')
}

/** The distinct methods that were called. */
export function methodsOf(lines: readonly Recorded[]): readonly string[] {
  return [...new Set(lines.flatMap(({ sent }) => sent.map(text => String(JSON.parse(text).method))))]
}
