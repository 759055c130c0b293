import { bridgeSettings } from '../app/bridge-context.ts'
import { openSettingsOf } from '../bridge/callback/open-settings.ts'
import type { Routed } from '../domain/routing.ts'
import type { Config } from '../config/config.ts'
import type { Conversation, Inbound, Surface } from '../domain/message.ts'
import { bareUserId, type PolicyRule } from '../domain/policy.ts'
import type { TurnEnd } from '../domain/turn.ts'
import { administratorsSetting } from '../core/streaming/commands.ts'
import { commandIn, openTurn } from '../core/streaming/open.ts'
import { removeMention } from '../wecom/callback/mention.ts'
import { findConfig, formatIssueLine } from './config-issues.ts'
import { exitCodes } from './exit-codes.ts'
import { labelled } from './report.ts'
import type { Call } from './table/commands.ts'
import { UsageError } from './table/usage-error.ts'
import type { Terminal } from './terminal.ts'
import { explainTexts } from './texts/explain.ts'

type ExplainTexts = (typeof explainTexts)['en']

/** `wecomd explain`: 0 whatever becomes of the message, 2 for a wrong flag, 3 for a config that the daemon would refuse. */
export async function explain({ values }: Call<'explain'>, terminal: Terminal): Promise<number> {
  const texts = explainTexts[terminal.language]
  const { user, chat, text, mode, account } = values
  const { config, issues } = findConfig(values.config, terminal)
  if (config === undefined) {
    for (const issue of issues) if (issue.severity === 'error') terminal.err(formatIssueLine(issue, terminal))
    return exitCodes.config
  }
  const place = findSurface(config, account, mode, texts)
  const message = { user: bareUserId(user), text, ...(chat !== undefined && { chat }) }
  const explanation = explainMessage(config, place, message, texts)
  if (values.json) terminal.out(JSON.stringify(explanation))
  else for (const line of describe(explanation, terminal)) terminal.out(line)
  return exitCodes.ok
}

interface Surroundings {
  readonly account: string
  readonly surface: Surface
  /** Why no message is received there. */
  readonly deaf?: string
}

/** Where the message goes. Throws a usage error when the config has no such account or surface. */
function findSurface(
  config: Config,
  account = config.defaultAccount,
  mode: 'bot' | 'agent' | undefined,
  texts: ExplainTexts,
): Surroundings {
  const found = config.accounts.find(({ id }) => id === account)
  if (found === undefined) throw new UsageError(['explain'], texts.unknownAccount(account))
  const surface = (mode ?? (found.bot === undefined ? 'agent' : 'bot')) === 'bot' ? 'bot' : 'app'
  if (found[surface === 'bot' ? 'bot' : 'agent'] === undefined) {
    throw new UsageError(['explain'], texts.lacksMode(account, mode ?? 'bot'))
  }
  if (!found.enabled) return { account, surface, deaf: texts.disabled }
  const hasKeys = found.agent?.token !== undefined && found.agent.encodingAESKey !== undefined
  return surface === 'bot' || hasKeys ? { account, surface } : { account, surface, deaf: texts.sendsOnly }
}

/** What becomes of a message, by the code that decides it in the daemon. */
interface Explanation {
  readonly account: string
  readonly mode: 'bot' | 'agent'
  readonly command?: string
  readonly rule: PolicyRule
  readonly allowed: boolean
  /** The section of the config that decides. */
  readonly setting: string
  readonly agent: Routed
  readonly session: string
  /** asked · answered with `says` at once · refused with `says` · a new session · never received, for the reason in `note`. */
  readonly outcome: 'asked' | 'answered' | 'refused' | 'session reset' | 'unheard'
  readonly note?: string
  readonly says?: string
}

function explainMessage(
  config: Config,
  { account, surface, deaf }: Surroundings,
  { user, chat, text }: { user: string; chat?: string; text: string },
  texts: ExplainTexts,
): Explanation {
  const settings = bridgeSettings(config)
  const names = config.accounts.find(({ id }) => id === account)?.bot?.names
  const heard = surface === 'bot' ? removeMention(text, names, chat !== undefined) : text
  const desk = settings.accounts.get(account)
  if (desk === undefined) throw new Error(`there is no account ${account}`)
  const conversation: Conversation =
    chat === undefined ? { account, kind: 'direct', id: user } : { account, kind: 'group', id: chat }
  const routed = settings.route(conversation, user)
  const agent = 'index' in routed ? { ...routed, index: config.bindings[routed.index]?.index ?? routed.index } : routed
  const inbound: Inbound = {
    account,
    surface,
    origin: 'message',
    msgid: 'explained',
    sender: user,
    conversation,
    text: heard,
    receivedAt: 0,
  }
  const open = openSettingsOf(settings, desk, {
    surface,
    sender: user,
    conversation,
    agent: { agentId: agent.agentId },
    canReset: true,
    approvals: [],
  })
  const idle = { openTurns: 0, sentLastMinute: 0, nextOrder: 1, inLane: () => [] }
  const change = openTurn(inbound, idle, { ...open, streamId: '' }, desk.translate)
  const turn = change.save[0]
  const policy = turn?.trace.find(({ kind }) => kind === 'policy')
  const command = commandIn(inbound)
  const note = deaf ?? (surface === 'app' && chat !== undefined ? texts.noGroups : undefined)
  return {
    account,
    mode: surface === 'bot' ? 'bot' : 'agent',
    ...(command !== undefined && { command: command.name }),
    // Sound: openTurn writes the decision of the policy there.
    rule: policy?.['rule'] as PolicyRule,
    allowed: policy?.['allowed'] === true,
    setting: isForAdministrators(policy?.['rule']) ? administratorsSetting : open.rules.setting,
    agent,
    session: open.sessionKey,
    outcome: deaf === undefined ? outcomeOf(turn?.end, turn?.task === 'reset') : 'unheard',
    ...(note !== undefined && { note }),
    ...(turn?.closedWith !== undefined && { says: turn.closedWith }),
  }
}

function outcomeOf(end: TurnEnd | undefined, resets: boolean): Explanation['outcome'] {
  if (end === undefined) return resets ? 'session reset' : 'asked'
  return end === 'refused' ? 'refused' : 'answered'
}

function describe(explanation: Explanation, { language, paint }: Terminal): readonly string[] {
  const { account, mode, command, rule, allowed, setting, agent, session, outcome, note, says } = explanation
  const texts = explainTexts[language]
  const row = (label: keyof ExplainTexts['labels'], text: string) => labelled(texts.labels[label], text)
  const colour = allowed ? paint.good : paint.bad
  return [
    row('account', texts.account(account, mode)),
    row('message', command === undefined ? texts.chat : texts.command(command)),
    row('rule', colour(texts.rule(texts.rules[rule], allowed, setting))),
    row('agent', texts.agent(agent.agentId, describeRoute(agent, texts))),
    row('session', session),
    row('outcome', texts.outcomes[outcome]),
    ...(note === undefined ? [] : [row('note', note)]),
    ...(says === undefined ? [] : ['', ...says.split('\n').map(line => `  ${line}`)]),
  ]
}

function isForAdministrators(rule: unknown): boolean {
  return rule === 'administrator' || rule === 'stranger'
}

function describeRoute(agent: Routed, texts: ExplainTexts): string {
  if (agent.rule === 'default') return 'gateway.agentId'
  return agent.rule === 'dynamic' ? texts.dynamic(agent.fallbackAgentId) : texts.byBinding(agent.index, agent.rule)
}
