import { safeFileName } from '../../domain/media.ts'
import type { Command } from '../../domain/policy.ts'
import type { FileProblem, Phase, TurnAttachment } from '../../domain/turn.ts'
import { type ValuesOf, fill, type Language, type TextName, noticeTexts } from './texts.ts'

/** Every notice a user can see, with the facts it shows. */
export type Notice =
  | { readonly key: PlainKey }
  | { readonly key: 'queued_long' | 'fetching'; readonly elapsedMs: number }
  | { readonly key: 'elapsed'; readonly elapsedMs: number; readonly phase?: Phase }
  | { readonly key: 'answer_in_file'; readonly bytes: number; readonly fileName: string }
  | { readonly key: 'card_taken'; readonly choice: string }
  | { readonly key: 'help'; readonly commands: readonly string[] }
  | WhoamiNotice
  /** `setting` is the config path that an administrator would change. */
  | {
      readonly key: 'command_refused' | 'chat_refused' | 'approval_refused'
      readonly user: string
      readonly setting: string
    }
  | { readonly key: 'command_unknown' | 'approval_unknown'; readonly command: Command['name'] }
  | { readonly key: 'approval_waiting' | 'approval_step'; readonly command: string; readonly id: string }
  | { readonly key: 'pictures'; readonly names: readonly string[] }
  | { readonly key: 'file_sent' | 'file_follows'; readonly name: string }
  | { readonly key: 'file_problem'; readonly name: string; readonly problem: FileProblem }
  | { readonly key: 'media_problem'; readonly name: string; readonly problem: MediaTrouble }

interface WhoamiNotice {
  readonly key: 'whoami'
  readonly user: string
  /** Set in groups only. */
  readonly chat?: string
  readonly account: string
  readonly agent: string
}

/** Notices without placeholders. */
type PlainKey =
  | 'queued'
  | 'offline'
  | 'moved'
  | 'moved_whole'
  | 'moved_lost'
  | 'continued'
  | 'overflow_lost'
  | 'truncated'
  | 'merged'
  | 'empty'
  | 'blank'
  | 'unknown_kind'
  | 'failed'
  | 'lost'
  | 'timeout'
  | 'agent_unknown'
  | 'stopped'
  | 'busy'
  | 'expired'
  | 'expired_before'
  | 'stopping'
  | 'nothing_to_stop'
  | 'session_new'
  | 'session_stays'
  | 'approval_given'
  | 'approval_denied'
  | 'approval_gone'
  | 'approval_barred'
  | 'unknown_stream'
  | 'question_choose'
  | 'question_reply'
  | 'question_answered'
  | 'outsider'
  | 'answer_file_name'
  | 'card_options'
  | 'card_sent'
  | 'embed_hidden'
  | 'card_unreadable'

/** Why a user's media did not reach the agent. */
type MediaTrouble = NonNullable<TurnAttachment['problem']>

/** Returns the text of a notice, in the language and with the texts of one account. */
export type Translate = (notice: Notice) => string

type Put = <Name extends TextName>(name: Name, facts: ValuesOf<Name>) => string

/** `texts` are the operator's own texts; notices without one use ours in `language`. */
export function createTranslator(
  language: Language,
  texts: Readonly<Record<string, string | undefined>> = {},
): Translate {
  const put: Put = (name, facts) => fill(texts[name] ?? noticeTexts[name][language], facts)
  const separator = language === 'en' ? ', ' : '、'
  return notice => {
    switch (notice.key) {
      case 'elapsed': {
        const phase = put(`phase_${notice.phase ?? 'starting'}`, {})
        return put('elapsed', { elapsed: putElapsed(notice.elapsedMs, put), phase })
      }
      case 'queued_long':
      case 'fetching':
        return put(notice.key, { elapsed: putElapsed(notice.elapsedMs, put) })
      case 'answer_in_file':
        return put('answer_in_file', { size: formatKilobytes(notice.bytes), fileName: notice.fileName })
      case 'answer_file_name':
        return safeFileName(put('answer_file_name', {}))
      case 'card_taken':
        return put('card_taken', { choice: notice.choice })
      case 'help':
        return put('help', { commands: notice.commands.map(name => putCommand(name, put)).join('\n') })
      case 'whoami':
        return putWhoami(notice, put)
      case 'command_refused':
      case 'chat_refused':
      case 'approval_refused':
        return put(notice.key, { user: notice.user, setting: notice.setting })
      case 'command_unknown':
      case 'approval_unknown':
        return put(notice.key, { command: notice.command })
      case 'approval_waiting':
        return put('approval_waiting', { command: notice.command, id: notice.id })
      case 'approval_step':
        return put('approval_step', { command: notice.command, id: notice.id })
      case 'pictures':
        return put('pictures', { names: notice.names.join(separator) })
      case 'file_sent':
      case 'file_follows':
        return put(notice.key, { name: notice.name })
      case 'file_problem':
        return put('file_problem', { name: notice.name, reason: put(`file_problem_${notice.problem}`, {}) })
      case 'media_problem':
        return put('media_problem', { name: notice.name, reason: put(`media_problem_${notice.problem}`, {}) })
      default:
        return put(notice.key satisfies PlainKey, {})
    }
  }
}

function putElapsed(ms: number, put: Put): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return put('elapsed_seconds', { seconds })
  return put('elapsed_minutes', { minutes: Math.floor(seconds / 60), seconds: seconds % 60 })
}

const ours = ['new', 'reset', 'stop', 'whoami', 'help', 'approve', 'deny'] as const
const passed = ['status', 'model', 'think', 'compact', 'usage'] as const
const describedCommands = [...ours, ...passed] as const

/** A command the operator added to `commands.pass` has no description of ours. */
function putCommand(name: string, put: Put): string {
  const known = describedCommands.find(one => one === name)
  return known === undefined ? `/${name}` : `/${name} ${put(`help_${known}`, {})}`
}

function putWhoami({ user, chat, account, agent }: WhoamiNotice, put: Put): string {
  return chat === undefined
    ? put('whoami', { user, account, agent })
    : put('whoami_in_group', { user, chat, account, agent })
}

function formatKilobytes(bytes: number): string {
  return `${Math.round(bytes / 1024)} KB`
}
