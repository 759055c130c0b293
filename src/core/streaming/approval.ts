import type { Approval } from '../../domain/agent.ts'
import { accountOfSession } from '../../domain/routing.ts'
import type { Translate } from '../notices/notices.ts'

/** How much of an approval's id is shown, for people to type. */
const shownIdChars = 8
/** How many characters of a long command are shown from its start and its end. */
const headChars = 700
const tailChars = 300

/** Formats the notice that shows a command or a plugin's step, and how an administrator approves or denies it. */
export function formatApproval({ id, kind, command }: Approval, translate: Translate): string {
  return translate({
    key: kind === 'command' ? 'approval_waiting' : 'approval_step',
    command: fenceCode(revealHidden(command)),
    id: bareId(id).slice(0, shownIdChars),
  })
}

/** Ids of plugins' approvals begin with `plugin:`. */
function bareId(id: string): string {
  return id.replace(/^plugin:/, '')
}

/**
 * Makes everything in a command visible, because the command may come from an attacker. Control and format characters
 * (such as a right-to-left override) become spaces, and long white space, which could push the rest out of sight, is
 * counted.
 */
function revealHidden(command: string): string {
  const visible = command
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, character => (character === '\n' ? '\n' : ' '))
    .replace(/[^\S\n]{9,}/g, run => ` ·×${run.length} `)
    .replace(/\n{4,}/g, run => `\n·×${run.length}\n`)
  const characters = Array.from(visible)
  const omitted = characters.length - headChars - tailChars
  if (omitted <= 0) return visible
  return `${characters.slice(0, headChars).join('')}\n…(+${omitted})…\n${characters.slice(-tailChars).join('')}`
}

/**
 * A code block with a fence that the command can't close. `<think>` tags are broken, because the client folds their
 * text.
 */
function fenceCode(command: string): string {
  const longest = Math.max(2, ...Array.from(command.matchAll(/`+/g), ([ticks]) => ticks.length))
  const ticks = '`'.repeat(longest + 1)
  return `${ticks}\n${command.replace(/<(?=\/?think)/gi, '<\u200b')}\n${ticks}`
}

/**
 * Finds an approval of the account by the id that a user typed: all of it, or at least its first four characters.
 * Returns undefined if none or several match. Quotes and punctuation around the id are ignored.
 */
export function findApproval(approvals: readonly Approval[], account: string, typed: string): Approval | undefined {
  const [first = ''] = typed.trim().toLowerCase().split(/\s/)
  const prefix = first.replace(/^[<"'“「]+|[>"'”」。.，,!！]+$/g, '')
  if (prefix.length < 4) return undefined
  const found = approvals.filter(
    ({ id, sessionKey }) =>
      accountOfSession(sessionKey) === account && [id, bareId(id)].some(one => one.toLowerCase().startsWith(prefix)),
  )
  return found.length === 1 ? found[0] : undefined
}
