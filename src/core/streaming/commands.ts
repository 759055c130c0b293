import type { Approval } from '../../domain/agent.ts'
import { type Command, type PolicyDecision, type DmPolicy, decide, decideAdmin, isReset } from '../../domain/policy.ts'
import type { Change, SenderLoad } from '../../domain/ports.ts'
import { hasBubble, isUnclaimed, traced, type Turn, type TurnEnd, withoutPending } from '../../domain/turn.ts'
import type { Notice, Translate } from '../notices/notices.ts'
import { findApproval } from './approval.ts'
import { askableAt, fetchJobs } from './attachments.ts'
import { planNoticeAnyRoute } from '../fallback/plan.ts'
import { queuedJob } from '../fallback/queued.ts'
import { advance } from './advance.ts'

/** Access control and available commands of a Bot or an app. */
export interface CommandRules {
  readonly policy: DmPolicy
  /** The config section of `policy`, such as `channels.wecom.bot.dm`. Notices to denied users name it. */
  readonly setting: string
  /** Gateway commands that users may send (`commands.pass`). */
  readonly passes: readonly string[]
  /** False if the gateway does not let us reset sessions. */
  readonly canReset: boolean
  /** Users who decide about approvals. */
  readonly administrators: readonly string[]
  /** The approvals that are waiting, of all accounts. */
  readonly approvals: readonly Approval[]
}

const ownCommands: readonly string[] = ['new', 'reset', 'stop', 'whoami', 'help']
const approvalCommands: readonly string[] = ['approve', 'deny']
/** The setting that lists the administrators. */
export const administratorsSetting = 'channels.wecom.dynamicAgents.adminUsers'
/** How long a decision is retried while the gateway can't be reached. */
const approveWithinMs = 120_000

/**
 * Ends a turn with a notice when it is opened. Without a bubble the notice is a delivery of its own; `id` replaces that
 * delivery's id, so that several turns can share one notice.
 */
export function endAtOnce(turn: Turn, end: TurnEnd, notice: Notice, translate: Translate, id?: string): Change {
  return endAt(turn, turn.receivedAt, end, translate(notice), translate, id)
}

function endAt(turn: Turn, at: number, end: TurnEnd, text: string, translate: Translate, id?: string): Change {
  const closedWith = turn.closedWith ?? text
  const ended = traced(
    { ...withoutPending(turn), state: 'ended', end, endedAt: at, closedWith },
    { at, kind: 'ended', end },
  )
  return { save: [ended], add: hasBubble(turn) ? [] : planNoticeAnyRoute(turn, text, at, translate, id) }
}

/**
 * Checks whether the sender may chat. Returns the turn with that decision in its trace, and `refused`, the change that
 * ends it with a notice, if chat is denied.
 */
export function authorizeChat(
  turn: Turn,
  { policy, setting }: CommandRules,
  translate: Translate,
): { turn: Turn; refused?: Change } {
  const decision = decide(policy, turn.sender, { kind: 'chat' })
  const checked = withDecision(turn, decision)
  if (decision.isAllowed) return { turn: checked }
  const notice = { key: 'chat_refused', user: turn.sender, setting: settingOf(decision, setting) } as const
  return { turn: checked, refused: endAtOnce(checked, 'refused', notice, translate) }
}

/** Opens the turn of a command, if the sender may use it. A command is never merged with another message. */
export function openCommand(
  turn: Turn,
  command: Command,
  load: SenderLoad,
  rules: CommandRules,
  translate: Translate,
): Change {
  if (approvalCommands.includes(command.name)) return openApproval(turn, command, rules, translate)
  const session = turnsAffectedBy(turn, command, load)
  const decision = decideCommand(turn, command, session, rules)
  const checked = withDecision(turn, decision)
  if (!decision.isAllowed) {
    const setting = settingOf(decision, rules.setting)
    return endAtOnce(checked, 'refused', { key: 'command_refused', user: turn.sender, setting }, translate)
  }
  if (isReset(command)) {
    if (!rules.canReset) return endAtOnce(checked, 'refused', { key: 'session_stays' }, translate)
    return joinChanges(queueReset(checked, command), stopTurns(checked, session, true, translate))
  }
  switch (command.name) {
    case 'help':
      return endAtOnce(checked, 'answered', { key: 'help', commands: commandsFor(turn, rules) }, translate)
    case 'whoami':
      return endAtOnce(checked, 'answered', whoami(turn), translate)
    case 'stop': {
      const stops = stopTurns(checked, session, decision.rule !== 'free', translate)
      const key = stops.save.length === 0 ? 'nothing_to_stop' : 'stopping'
      return joinChanges(endAtOnce(checked, 'answered', { key }, translate), stops)
    }
    default:
      return rules.passes.includes(command.name)
        ? queuePass(checked, command)
        : endAtOnce(checked, 'refused', { key: 'command_unknown', command: command.name }, translate)
  }
}

/** Users who can't stop another's answer can still stop their own questions that are queued after it. */
function decideCommand(
  turn: Turn,
  { name }: Command,
  session: readonly Turn[],
  { policy }: CommandRules,
): PolicyDecision {
  const running = session.find(isRunning)
  const isOwnStop = running === undefined || isSame(running, turn)
  const decision = decide(policy, turn.sender, { kind: 'command', name, isOwnStop, isOwnChat: isOwnChat(turn) })
  if (decision.isAllowed || !session.some(one => isSame(one, turn))) return decision
  return decide(policy, turn.sender, { kind: 'command', name, isOwnStop: true })
}

/**
 * The turns that a `/stop` or a reset ends: all of the conversation, but in a group a reset leaves other sessions
 * alone.
 */
function turnsAffectedBy(turn: Turn, command: Command, load: SenderLoad): readonly Turn[] {
  if (command.name !== 'stop' && !isReset(command)) return []
  const isAll = command.name === 'stop' || turn.conversation.kind === 'direct'
  return load.inLane().filter(one => isAll || one.sessionKey === turn.sessionKey)
}

/** The commands that the sender may use here. */
function commandsFor(turn: Turn, { policy, administrators, passes }: CommandRules): readonly string[] {
  const { sender } = turn
  const isAdministrator = decideAdmin(policy, administrators, sender).isAllowed
  const isUsable = (name: string) =>
    decide(policy, sender, { kind: 'command', name, isOwnStop: true, isOwnChat: isOwnChat(turn) }).isAllowed
  const usable = [...ownCommands, ...passes].filter(isUsable)
  return [...new Set([...usable, ...(isAdministrator ? approvalCommands : [])])]
}

function isOwnChat({ conversation }: Turn): boolean {
  return conversation.kind === 'direct'
}

/**
 * Opens an administrator's decision about an approval. It does not wait in any queue, because the run that it unblocks
 * is at the head of one. The gateway gets the id that it knows, never the text that was typed.
 */
function openApproval(
  turn: Turn,
  command: Command,
  { policy, setting, administrators, approvals }: CommandRules,
  translate: Translate,
): Change {
  const permission = decideAdmin(policy, administrators, turn.sender)
  const checked = withDecision(turn, permission)
  if (!permission.isAllowed) {
    const isDisabled = permission.rule === 'disabled'
    const responsible = isDisabled ? `${setting}.policy` : administratorsSetting
    const key = isDisabled ? 'command_refused' : 'approval_refused'
    return endAtOnce(checked, 'refused', { key, user: turn.sender, setting: responsible }, translate)
  }
  const { name, rest } = command
  const decision = decisionOf(command)
  const approval = findApproval(approvals, turn.account, rest)
  if (approval === undefined || decision === undefined) {
    return endAtOnce(checked, 'answered', { key: 'approval_unknown', command: name }, translate)
  }
  const job = queuedJob(turn, {
    id: `${turn.id}:approve`,
    queue: 'approval',
    body: { kind: 'approve', approval: approval.id, decision },
    dueAt: turn.receivedAt,
    expiresAt: Math.min(approval.expiresAt, turn.receivedAt + approveWithinMs),
  })
  return { save: [{ ...checked, task: 'approve', text: '' }], add: [job] }
}

/**
 * The decision that was typed. `/approve ID deny` is the gateway's own syntax. Undefined for anything else, which
 * allows nothing.
 */
function decisionOf({ name, rest }: Command): 'allow-once' | 'deny' | undefined {
  const [, word = 'allow-once'] = rest.toLowerCase().split(/\s+/)
  if (name === 'deny' || word === 'deny') return 'deny'
  return word === 'allow-once' ? word : undefined
}

/** The outcome of a decision. gone: the approval no longer waits · barred: the gateway does not let us decide. */
export type ApprovalOutcome = 'done' | 'gone' | 'barred'

/** Applies the outcome of an administrator's decision. Returns undefined if it is known already. */
export function approvalSettled(
  turn: Turn,
  outcome: ApprovalOutcome,
  decision: 'allow-once' | 'deny',
  at: number,
  translate: Translate,
): Change | undefined {
  const keys = {
    done: decision === 'deny' ? 'approval_denied' : 'approval_given',
    gone: 'approval_gone',
    barred: 'approval_barred',
  } as const
  const text = translate({ key: keys[outcome] })
  const change = advance(turn, { kind: 'run_ended', at, end: { kind: 'answered', text }, chunks: 0 }, translate)
  return change && { ...change, save: change.save.map(saved => traced(saved, { at, kind: 'approval', outcome })) }
}

function settingOf({ rule }: PolicyDecision, section: string): string {
  return `${section}.${rule === 'disabled' ? 'policy' : 'allowFrom'}`
}

function withDecision(turn: Turn, { rule, isAllowed }: PolicyDecision): Turn {
  return traced(turn, { at: turn.receivedAt, kind: 'policy', rule, allowed: isAllowed })
}

function whoami({ sender, conversation, account, agentId }: Turn): Notice {
  const chat = conversation.kind === 'group' ? { chat: conversation.id } : {}
  return { key: 'whoami', user: sender, ...chat, account, agent: agentId }
}

function isRunning(turn: Turn): boolean {
  return turn.end === undefined && !isUnclaimed(turn)
}

function isSame(one: Turn, other: Turn): boolean {
  return one.sender.toLowerCase() === other.sender.toLowerCase()
}

/**
 * Stops running answers and ends waiting questions: all of them if `ofAll`, else only those of the command's sender.
 */
function stopTurns(turn: Turn, session: readonly Turn[], ofAll: boolean, translate: Translate): Change {
  const at = turn.receivedAt
  const affected = session.filter(one => ofAll || isSame(one, turn))
  const running = affected.filter(isRunning).map(one => traced({ ...one, stopAt: at }, { at, kind: 'stop' }))
  const waiting = affected.filter(isUnclaimed)
  const changes = waiting.map(one => endAt(one, at, 'stopped', translate({ key: 'stopped' }), translate))
  return {
    save: [...running, ...changes.flatMap(({ save }) => save)],
    add: changes.flatMap(({ add = [] }) => add),
  }
}

/**
 * Queues a reset, before all later messages of its session. The rest of its message becomes a question after the reset.
 */
function queueReset(turn: Turn, { name, rest }: Command): Change {
  const resetting: Turn = {
    ...(rest === '' ? withoutMedia(turn) : turn),
    task: 'reset',
    pending: { state: 'queued', dueAt: turn.receivedAt },
    text: rest,
    command: name,
  }
  return { save: [resetting], add: fetchJobs(resetting) }
}

/**
 * Queues a gateway command. The gateway gets it without the sender's id, also in a group, or it would not be a command.
 */
function queuePass(turn: Turn, { name, rest }: Command): Change {
  const question = [`/${name}`, rest].filter(part => part !== '').join(' ')
  const asking: Turn = { ...withoutMedia(turn), task: 'pass', question, command: name }
  return { save: [{ ...asking, pending: { state: 'queued', dueAt: askableAt(asking) } }] }
}

function withoutMedia(turn: Turn): Turn {
  const { attachments: _, ...rest } = turn
  return rest
}

function joinChanges(first: Change, second: Change): Change {
  return {
    save: [...first.save, ...second.save],
    add: [...(first.add ?? []), ...(second.add ?? [])],
  }
}

/**
 * Applies the outcome of a reset. If it is done, the rest of its message is queued as the first question of the new
 * session.
 */
export function sessionReset(turn: Turn, isDone: boolean, at: number, translate: Translate): Change {
  if (turn.end !== undefined) return { save: [withoutPending(turn)] }
  const notice = translate({ key: isDone ? 'session_new' : 'session_stays' })
  if (isDone && turn.text !== '') {
    const { command: _, ...rest } = turn
    const preface = [turn.preface, notice].filter(part => part !== undefined).join('\n')
    const pending = { state: 'queued', dueAt: askableAt(turn) } as const
    return { save: [traced({ ...rest, task: 'ask', state: 'waiting', pending, preface }, { at, kind: 'reset' })] }
  }
  const answered = { kind: 'run_ended', at, end: { kind: 'answered', text: notice }, chunks: 0 } as const
  const { save, ...change } = advance(withoutPending(turn), answered, translate) ?? { save: [] }
  return { ...change, save: save.map(saved => traced(saved, { at, kind: 'reset', done: isDone })) }
}
