import { bridgeSettings } from '../app/bridge-context.ts'
import { openSettingsOf } from '../bridge/callback/open-settings.ts'
import type { Routed } from '../domain/routing.ts'
import { type Config, findConfigFile, loadConfig } from '../config/config.ts'
import type { Conversation, Inbound, Surface } from '../domain/message.ts'
import { bareUserId } from '../domain/policy.ts'
import type { TurnEnd } from '../domain/turn.ts'
import { administratorsSetting } from '../core/streaming/commands.ts'
import { commandIn, openTurn } from '../core/streaming/open.ts'
import { removeMention } from '../wecom/callback/mention.ts'
import { formatIssueLine, nowhere } from './check.ts'
import type { CliIo } from './io.ts'
import { alwaysUsage, exitCodes, parseCommand, usageError } from './usage.ts'

const usage = [
  'usage: wecomd explain --user U [--chat C] [--account A] [--mode bot|agent] --text S [--config FILE] [--json]',
  '',
  'Tells what would happen to a message and which rule decides, from the config file alone.',
  'Nothing is sent, asked or stored.',
  '',
  '  --user U           who writes',
  '  --chat C           in which group; without it in a single chat',
  '  --account A        to which account; without it the default one',
  '  --mode bot|agent   to its Bot or its self-built app; without it the Bot when there is one',
  '  --text S           what they write',
  ...alwaysUsage,
]

const flags = {
  user: { type: 'string' },
  chat: { type: 'string' },
  account: { type: 'string' },
  mode: { type: 'string' },
  text: { type: 'string' },
} as const

/** `wecomd explain`: 0 whatever becomes of the message, 2 for a wrong flag, 3 for a config that the daemon would refuse. */
export async function explain(args: readonly string[], io: CliIo): Promise<number> {
  const command = parseCommand(args, io, { usage, flags, positionals: 0 })
  if (command.exit !== undefined) return command.exit
  const { user, chat, text, mode, account } = command.values
  if (user === undefined || text === undefined) return usageError(io, 'explain needs --user and --text', usage)
  const file = findConfigFile(command.values.config, io.env, io.cwd)
  const { config, complaints } = file === undefined ? { complaints: [nowhere(io.cwd)] } : loadConfig(file, io.env)
  if (config === undefined) {
    for (const complaint of complaints) if (complaint.severity === 'error') io.err(formatIssueLine(complaint))
    return exitCodes.config
  }
  const place = findPlace(config, account, mode)
  if (typeof place === 'string') return usageError(io, place, usage)
  const told = explainMessage(config, place, { user: bareUserId(user), text, ...(chat !== undefined && { chat }) })
  if (command.values.json) io.out(JSON.stringify(told))
  else for (const line of describe(told)) io.out(line)
  return exitCodes.ok
}

interface Surroundings {
  readonly account: string
  readonly surface: Surface
  /** Why no message comes in there. */
  readonly deaf?: string
}

/** Where the message goes, or what is wrong with where it should. */
function findPlace(config: Config, account = config.defaultAccount, mode?: string): Surroundings | string {
  const found = config.accounts.find(({ id }) => id === account)
  if (found === undefined) return `there is no account "${account}"`
  if (mode !== undefined && mode !== 'bot' && mode !== 'agent') return `--mode is bot or agent, not "${mode}"`
  const surface = (mode ?? (found.bot === undefined ? 'agent' : 'bot')) === 'bot' ? 'bot' : 'app'
  if (found[surface === 'bot' ? 'bot' : 'agent'] === undefined)
    return `the account "${account}" has no ${mode ?? 'Bot'}`
  if (!found.enabled) return { account, surface, deaf: 'it is disabled: its URLs answer 404' }
  const hasKeys = found.agent?.token !== undefined && found.agent.encodingAESKey !== undefined
  if (surface === 'bot' || hasKeys) return { account, surface }
  return { account, surface, deaf: 'the app lacks token or encodingAESKey: it sends only' }
}

/** What becomes of a message, by the code that decides it in the daemon. */
interface Explanation {
  readonly account: string
  readonly mode: 'bot' | 'agent'
  readonly command?: string
  readonly rule: string
  readonly allowed: boolean
  /** The section of the config that decides. */
  readonly setting: string
  readonly agent: Routed
  readonly session: string
  /** asked · answered with `says` at once · refused with `says` · a new session · it never comes in, and `note` says why. */
  readonly outcome: 'asked' | 'answered' | 'refused' | 'session reset' | 'unheard'
  readonly note?: string
  readonly says?: string
}

function explainMessage(
  config: Config,
  { account, surface, deaf }: Surroundings,
  { user, chat, text }: { user: string; chat?: string; text: string },
): Explanation {
  const settings = bridgeSettings(config)
  const names = config.accounts.find(({ id }) => id === account)?.bot?.names
  const heard = surface === 'bot' ? removeMention(text, names, chat !== undefined) : text
  const desk = settings.accounts.get(account)
  if (desk === undefined) throw new Error(`there is no account ${account}`)
  const conversation: Conversation =
    chat === undefined ? { account, kind: 'direct', id: user } : { account, kind: 'group', id: chat }
  const routed = settings.route(conversation, user)
  const agent = 'index' in routed ? { ...routed, index: config.bindings[routed.index]?.place ?? routed.index } : routed
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
    conversation,
    agent: { agentId: agent.agentId },
    streamId: '',
    canReset: true,
    approvals: [],
  })
  const idle = { openTurns: 0, sentLastMinute: 0, nextOrder: 1, inLane: () => [] }
  const change = openTurn(inbound, idle, open, desk.translate)
  const turn = change.save[0]
  const policy = turn?.trace.find(({ kind }) => kind === 'policy')
  const command = commandIn(inbound)
  const note =
    deaf ?? (surface === 'app' && chat !== undefined ? 'WeCom gives an app no messages of groups' : undefined)
  return {
    account,
    mode: surface === 'bot' ? 'bot' : 'agent',
    ...(command !== undefined && { command: command.name }),
    rule: String(policy?.['rule']),
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

function describe({
  account,
  mode,
  command,
  rule,
  allowed,
  setting,
  agent,
  session,
  outcome,
  note,
  says,
}: Explanation) {
  return [
    `account   ${account}, ${mode}`,
    `message   ${command === undefined ? 'chat' : `the command /${command}`}`,
    `rule      ${rule}: ${allowed ? 'allowed' : 'refused'}, by ${setting}`,
    `agent     ${agent.agentId} (${describeRoute(agent)})`,
    `session   ${session}`,
    `outcome   ${outcome}`,
    ...(note === undefined ? [] : [`note      ${note}`]),
    ...(says === undefined ? [] : ['', ...says.split('\n').map(line => `  ${line}`)]),
  ]
}

function isForAdministrators(rule: unknown): boolean {
  return rule === 'administrator' || rule === 'stranger'
}

function describeRoute(agent: Routed): string {
  if (agent.rule === 'default') return 'gateway.agentId'
  if (agent.rule === 'dynamic')
    return `channels.wecom.dynamicAgents, made when needed; ${agent.fallbackAgentId} where it cannot be`
  return `bindings[${agent.index}], by ${agent.rule}`
}
