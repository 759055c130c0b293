import type { Approval } from '../domain/agent.ts'
import { accountOfSession } from '../domain/routing.ts'
import type { Say } from '../fallback/notice.ts'
import { cutHead } from './split.ts'

/** What people type of an approval's id. */
const shownChars = 8
/** A command is shown up to here. */
const commandBytes = 1_000

/** What is asked, and how an administrator answers. */
export function sayApproval({ id, command }: Approval, say: Say): string {
  const head = cutHead(command, commandBytes)
  const shown = head === command ? command : `${head}…`
  return say({ key: 'approval_waiting', command: quote(shown), id: id.slice(0, shownChars) })
}

/** A command cannot end the block that it stands in, nor write in both directions. */
function quote(command: string): string {
  const plain = command.replace(/[\p{Cc}\p{Cf}]/gu, character => (character === '\n' ? '\n' : ' '))
  return plain
    .split('\n')
    .map(line => `> ${line}`)
    .join('\n')
}

/** The approval that somebody means: of the same account, by its id or the beginning of it. Undefined unless it is one. */
export function findApproval(approvals: readonly Approval[], account: string, meant: string): Approval | undefined {
  const word = meant.trim().split(/\s/)[0]?.toLowerCase() ?? ''
  if (word.length < 4) return undefined
  const found = approvals.filter(
    ({ id, sessionKey }) => accountOfSession(sessionKey) === account && id.toLowerCase().startsWith(word),
  )
  return found.length === 1 ? found[0] : undefined
}
