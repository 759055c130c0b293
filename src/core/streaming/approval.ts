import type { Approval } from '../../domain/agent.ts'
import { accountOfSession } from '../../domain/routing.ts'
import type { Translate } from '../notices/notices.ts'

/** What people type of an approval's id. */
const shownChars = 8
/** Of a longer command its beginning and its end are shown, in characters. */
const headChars = 700
const tailChars = 300

/** What is asked, and how an administrator answers. */
export function formatApproval({ id, command }: Approval, translate: Translate): string {
  return translate({ key: 'approval_waiting', command: fence(plain(command)), id: id.slice(0, shownChars) })
}

/** Nothing in it is rendered, nothing hides: no line breaks, directions or white space but what can be seen. */
function plain(command: string): string {
  const seen = command
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, character => (character === '\n' ? '\n' : ' '))
    .replace(/[^\S\n]{9,}/g, run => ` ·×${run.length} `)
    .replace(/\n{4,}/g, run => `\n·×${run.length}\n`)
  const characters = Array.from(seen)
  const left = characters.length - headChars - tailChars
  if (left <= 0) return seen
  return `${characters.slice(0, headChars).join('')}\n…(+${left})…\n${characters.slice(-tailChars).join('')}`
}

/** A block of code that the command cannot end; the client folds what stands between tags of thinking. */
function fence(command: string): string {
  const longest = Math.max(2, ...Array.from(command.matchAll(/`+/g), ([ticks]) => ticks.length))
  const ticks = '`'.repeat(longest + 1)
  return `${ticks}\n${command.replace(/<(?=\/?think)/gi, '<\u200b')}\n${ticks}`
}

/** The approval that somebody means: of the same account, by its id or the beginning of it. Undefined unless it is one. */
export function findApproval(approvals: readonly Approval[], account: string, meant: string): Approval | undefined {
  const [first = ''] = meant.trim().toLowerCase().split(/\s/)
  const word = first.replace(/^[<"'“「]+|[>"'”」。.，,!！]+$/g, '')
  if (word.length < 4) return undefined
  const found = approvals.filter(
    ({ id, sessionKey }) => accountOfSession(sessionKey) === account && id.toLowerCase().startsWith(word),
  )
  return found.length === 1 ? found[0] : undefined
}
