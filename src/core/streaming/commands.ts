import type { Approval } from '../../domain/agent.ts'
import { type Command, type PolicyDecision, type DmPolicy, decide, decideAdmin } from '../../domain/policy.ts'
import type { Change, SenderLoad } from '../../domain/ports.ts'
import { hasBubble, isUnclaimed, type Turn, type TurnEnd, withoutPending } from '../../domain/turn.ts'
import type { Notice, Translate } from '../notices/notices.ts'
import { findApproval } from './approval.ts'
import { askableAt, fetchJobs } from './attachments.ts'
import { planNoticeAnyRoute } from '../fallback/plan.ts'
import { queuedJob } from '../fallback/queued.ts'
import { advance, traced } from './advance.ts'

/** Who may use a Bot or an app, and which commands there are. */
export interface CommandRules {
  readonly policy: DmPolicy
  /** Where an administrator changes it, such as `channels.wecom.bot.dm`. */
  readonly setting: string
  /** Commands of the gateway that are passed on. */
  readonly passes: readonly string[]
  /** Sessions can be reset. */
  readonly canReset: boolean
  /** Who may answer for commands that wait for approval, and what waits. */
  readonly administrators: readonly string[]
  readonly approvals: readonly Approval[]
}

const own: readonly string[] = ['new', 'reset', 'stop', 'whoami', 'help']
const approving: readonly string[] = ['approve', 'deny']
/** Where administrators are named. */
export const administratorsSetting = 'channels.wecom.dynamicAgents.adminUsers'
/** While the gateway cannot be reached. */
const approveWithinMs = 120_000

/** A message that ends with a sentence at once; where there is no bubble to say it, a direct message does. */
export function endAtOnce(turn: Turn, end: TurnEnd, notice: Notice, translate: Translate, id?: string): Change {
  return endAt(turn, turn.receivedAt, end, translate(notice), id)
}

function endAt(turn: Turn, at: number, end: TurnEnd, sentence: string, id?: string): Change {
  const closedWith = turn.closedWith ?? sentence
  const ended = traced(
    { ...withoutPending(turn), state: 'ended', end, endedAt: at, closedWith },
    { at, kind: 'ended', end },
  )
  return { save: [ended], add: hasBubble(turn) ? [] : planNoticeAnyRoute(turn, sentence, at, id) }
}

/** A message that is no command, with the rule that decided about it; `refused` is what becomes of it when it may not be asked. */
export function authorizeChat(
  turn: Turn,
  { policy, setting }: CommandRules,
  translate: Translate,
): { turn: Turn; refused?: Change } {
  const decision = decide(policy, turn.sender, { kind: 'chat' })
  const known = judged(turn, decision)
  if (decision.isAllowed) return { turn: known }
  const notice = { key: 'chat_refused', user: turn.sender, setting: settingOf(decision, setting) } as const
  return { turn: known, refused: endAtOnce(known, 'refused', notice, translate) }
}

/** What a command does; it is never merged with anything. */
export function openCommand(
  turn: Turn,
  command: Command,
  standing: SenderLoad,
  rules: CommandRules,
  translate: Translate,
): Change {
  if (approving.includes(command.name)) return openApproval(turn, command, rules, translate)
  const session = sessionOf(turn, command, standing)
  const decision = decideCommand(turn, command, session, rules)
  const known = judged(turn, decision)
  if (!decision.isAllowed) {
    const setting = settingOf(decision, rules.setting)
    return endAtOnce(known, 'refused', { key: 'command_refused', user: turn.sender, setting }, translate)
  }
  if (isReset(command)) {
    if (!rules.canReset) return endAtOnce(known, 'refused', { key: 'session_stays' }, translate)
    return joinChanges(resetSession(known, command), stopSession(known, session, true, translate))
  }
  switch (command.name) {
    case 'help':
      return endAtOnce(known, 'answered', { key: 'help', commands: commandsFor(turn, rules) }, translate)
    case 'whoami':
      return endAtOnce(known, 'answered', whoami(turn), translate)
    case 'stop': {
      const stops = stopSession(known, session, decision.rule !== 'free', translate)
      const key = stops.save.length === 0 ? 'nothing_to_stop' : 'stopping'
      return joinChanges(endAtOnce(known, 'answered', { key }, translate), stops)
    }
    default:
      return rules.passes.includes(command.name)
        ? pass(known, command)
        : endAtOnce(known, 'refused', { key: 'command_unknown', command: command.name }, translate)
  }
}

/** Who may not stop somebody else's answer can still take back their own question behind it. */
function decideCommand(
  turn: Turn,
  { name }: Command,
  session: readonly Turn[],
  { policy }: CommandRules,
): PolicyDecision {
  const running = session.find(isRunning)
  const isOwnStop = running === undefined || isSame(running, turn)
  const decision = decide(policy, turn.sender, { kind: 'command', name, isOwnStop })
  if (decision.isAllowed || !session.some(one => isSame(one, turn))) return decision
  return decide(policy, turn.sender, { kind: 'command', name, isOwnStop: true })
}

/** What a command is about: all of the conversation, but in a group another agent's session is not begun anew. */
function sessionOf(turn: Turn, command: Command, standing: SenderLoad): readonly Turn[] {
  if (command.name !== 'stop' && !isReset(command)) return []
  const isAll = command.name === 'stop' || turn.conversation.kind === 'direct'
  return standing.inLane().filter(one => isAll || one.sessionKey === turn.sessionKey)
}

function commandsFor({ sender }: Turn, { policy, administrators, passes }: CommandRules): readonly string[] {
  const isAdministrator = decideAdmin(policy, administrators, sender).isAllowed
  return [...new Set([...own, ...(isAdministrator ? approving : []), ...passes])]
}

/** An administrator answers for a command that waits, beside all queues. The gateway hears its own id of it, not what was typed. */
function openApproval(
  turn: Turn,
  command: Command,
  { policy, setting, administrators, approvals }: CommandRules,
  translate: Translate,
): Change {
  const verdict = decideAdmin(policy, administrators, turn.sender)
  const known = judged(turn, verdict)
  if (!verdict.isAllowed) {
    const place = verdict.rule === 'disabled' ? `${setting}.policy` : administratorsSetting
    const key = verdict.rule === 'disabled' ? 'command_refused' : 'approval_refused'
    return endAtOnce(known, 'refused', { key, user: turn.sender, setting: place }, translate)
  }
  const { name, rest } = command
  const decision = decisionOf(command)
  const approval = findApproval(approvals, turn.account, rest)
  if (approval === undefined || decision === undefined) {
    return endAtOnce(known, 'answered', { key: 'approval_unknown', command: name }, translate)
  }
  const decided = queuedJob(turn, {
    id: `${turn.id}:approve`,
    queue: 'approval',
    body: { kind: 'approve', approval: approval.id, decision },
    dueAt: turn.receivedAt,
    expiresAt: Math.min(approval.expiresAt, turn.receivedAt + approveWithinMs),
  })
  return { save: [{ ...known, task: 'approve', text: '' }], add: [decided] }
}

/** `/approve ID deny` is how the gateway has it: what was not understood allows nothing. */
function decisionOf({ name, rest }: Command): 'allow-once' | 'deny' | undefined {
  const [, word = 'allow-once'] = rest.toLowerCase().split(/\s+/)
  if (name === 'deny' || word === 'deny') return 'deny'
  return word === 'allow-once' ? word : undefined
}

/** What became of an administrator's word. */
export type Approved = 'done' | 'gone' | 'barred'

export function approvalSettled(
  turn: Turn,
  approved: Approved,
  decision: 'allow-once' | 'deny',
  at: number,
  translate: Translate,
): Change | undefined {
  const keys = {
    done: decision === 'deny' ? 'approval_denied' : 'approval_given',
    gone: 'approval_gone',
    barred: 'approval_barred',
  } as const
  const told = translate({ key: keys[approved] })
  const change = advance(turn, { kind: 'run_ended', at, end: { kind: 'answered', text: told }, chunks: 0 }, translate)
  return (
    change && { ...change, save: change.save.map(saved => traced(saved, { at, kind: 'approval', outcome: approved })) }
  )
}

export function isReset({ name }: Command): boolean {
  return name === 'new' || name === 'reset'
}

function settingOf({ rule }: PolicyDecision, section: string): string {
  return `${section}.${rule === 'disabled' ? 'policy' : 'allowFrom'}`
}

function judged(turn: Turn, { rule, isAllowed }: PolicyDecision): Turn {
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

/** The running answer is to be stopped, and what waits behind it ends; those of others only where the sender may. */
function stopSession(turn: Turn, session: readonly Turn[], ofAll: boolean, translate: Translate): Change {
  const at = turn.receivedAt
  const meant = session.filter(one => ofAll || isSame(one, turn))
  const running = meant.filter(isRunning).map(one => traced({ ...one, stopAt: at }, { at, kind: 'stop' }))
  const ended = meant.filter(isUnclaimed)
  const changes = ended.map(one => endAt(one, at, 'stopped', translate({ key: 'stopped' })))
  return {
    save: [...running, ...changes.flatMap(({ save }) => save)],
    add: changes.flatMap(({ add = [] }) => add),
  }
}

/** It stands in the queue of its session before whatever comes later, and is no question until the reset is done. */
function resetSession(turn: Turn, { name, rest }: Command): Change {
  const resetting: Turn = {
    ...(rest === '' ? withoutMedia(turn) : turn),
    task: 'reset',
    pending: { state: 'queued', dueAt: turn.receivedAt },
    text: rest,
    command: name,
  }
  return { save: [resetting], add: fetchJobs(resetting) }
}

/** The gateway gets the command as it is, whoever says it. */
function pass(turn: Turn, { name, rest }: Command): Change {
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

/** What a reset that was done, or refused, makes of its turn: the rest of the message is asked in the new session. */
export function sessionReset(turn: Turn, isDone: boolean, at: number, translate: Translate): Change {
  if (turn.end !== undefined) return { save: [withoutPending(turn)] }
  const told = translate({ key: isDone ? 'session_new' : 'session_stays' })
  if (isDone && turn.text !== '') {
    const { command: _, ...rest } = turn
    const preface = [turn.preface, told].filter(part => part !== undefined).join('\n')
    const pending = { state: 'queued', dueAt: askableAt(turn) } as const
    return { save: [traced({ ...rest, task: 'ask', state: 'waiting', pending, preface }, { at, kind: 'reset' })] }
  }
  const answered = { kind: 'run_ended', at, end: { kind: 'answered', text: told }, chunks: 0 } as const
  const { save, ...change } = advance(withoutPending(turn), answered, translate) ?? { save: [] }
  return { ...change, save: save.map(saved => traced(saved, { at, kind: 'reset', done: isDone })) }
}
