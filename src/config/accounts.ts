import { defaultPath, shortPath } from '../domain/callback-path.ts'
import { isAllowed } from '../domain/hosts.ts'
import { type ConfigIssue, warn } from './issues.ts'
import { administratorWarnings, dmWarnings } from './access-checks.ts'
import { defaultTimezone, type Settings } from './schema.ts'

type Channel = Settings['channels']['wecom']
type BotKeys = NonNullable<Channel['bot']>

/** The Bot of an account. `names` is `bot.name` as a list, empty if it is not set. */
export interface BotConfig extends Omit<BotKeys, 'name'> {
  readonly names: readonly string[]
}

/** The self-built app of an account. */
export type AppConfig = NonNullable<Channel['agent']>

/** One account with a Bot, an app or both. `enabled` is false if the account or the whole channel is disabled. */
export interface Account {
  readonly id: string
  readonly name?: string
  readonly enabled: boolean
  readonly bot?: BotConfig
  readonly agent?: AppConfig
  /** Config paths of its Bot and its app, for messages that name the setting to change. */
  readonly paths: { readonly bot: string; readonly app: string }
  /** Custom texts of notices. They override the top-level `texts`. */
  readonly texts: Settings['texts']
}

type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [Key in keyof T]?: DeepPartial<T[Key]> }
    : T

/** Settings without their invalid parts. `checkAccounts` still checks the rest, so that one run lists every problem. */
export type PartialSettings = DeepPartial<Settings>
type PartialChannel = NonNullable<NonNullable<PartialSettings['channels']>['wecom']>
type PartialBot = NonNullable<PartialChannel['bot']>
type PartialApp = NonNullable<PartialChannel['agent']>

interface Located<Section> {
  readonly path: string
  readonly section: Section
}

const channelPath = 'channels.wecom'

/** Lists the accounts. The top-level `bot` and `agent` form the account `default`. */
export function accountsOf(channel: Channel): readonly Account[] {
  const top = { ...(channel.bot && { bot: channel.bot }), ...(channel.agent && { agent: channel.agent }) }
  const named = channel.accounts
  const ids = 'bot' in top || 'agent' in top ? ['default', ...Object.keys(named)] : Object.keys(named)
  return [...new Set(ids)].map(id => {
    const account = Object.hasOwn(named, id) ? named[id] : undefined
    const bot = account?.bot ?? (id === 'default' ? top.bot : undefined)
    const agent = account?.agent ?? (id === 'default' ? top.agent : undefined)
    return {
      id,
      ...(account?.name !== undefined && { name: account.name }),
      enabled: channel.enabled && (account?.enabled ?? true),
      ...(bot && { bot: botSettingsOf(bot) }),
      ...(agent && { agent }),
      paths: {
        bot: account?.bot ? `${channelPath}.accounts.${id}.bot` : `${channelPath}.bot`,
        app: account?.agent ? `${channelPath}.accounts.${id}.agent` : `${channelPath}.agent`,
      },
      texts: account?.texts ?? {},
    }
  })
}

function botSettingsOf({ name, ...rest }: BotKeys): BotConfig {
  return { ...rest, names: name === undefined ? [] : typeof name === 'string' ? [name] : name }
}

/** The id of the account that answers at `/wecom`. */
export function defaultAccountOf(channel: Channel, accounts: readonly Account[]): string {
  return (
    channel.defaultAccount ?? accounts.find(account => account.id === 'default')?.id ?? accounts[0]?.id ?? 'default'
  )
}

/**
 * Checks rules that involve several keys. `bindingIndexes` are the positions of `settings.bindings` in the file.
 * `areAccountsComplete` is false if an invalid section may have removed a whole account; checks that need every account id are
 * then skipped, because they would report follow-up errors.
 */
export function checkAccounts(
  settings: PartialSettings,
  bindingIndexes: readonly number[],
  areAccountsComplete: boolean,
): readonly ConfigIssue[] {
  const channel = settings.channels?.wecom ?? {}
  const bots = sectionsOf(channel.bot, channel.accounts, 'bot')
  const apps = sectionsOf(channel.agent, channel.accounts, 'agent')
  return [
    ...defaultConflicts(channel),
    ...(bots.length + apps.length === 0 && areAccountsComplete
      ? [error(`${channelPath}.bot`, 'is missing: no account has a bot or an agent, so there is nothing to connect')]
      : []),
    ...emptyAccounts(channel),
    ...(areAccountsComplete ? unknownDefault(channel) : []),
    ...disabledWarnings(channel, areAccountsComplete),
    ...duplicates(bots, 'token', bot => bot.token),
    ...duplicates(bots, 'aibotid', bot => bot.aibotid),
    ...duplicates(apps, 'agentId', app => app.corpId && app.agentId !== undefined && `${app.corpId}\0${app.agentId}`),
    ...[...bots, ...apps].flatMap(({ path, section }) => dmWarnings(section.dm ?? {}, `${path}.dm`)),
    ...bots.flatMap(streamIssues),
    ...apps.flatMap(incompleteCallbacks),
    ...foreignRobots(channel),
    ...(areAccountsComplete ? adminUserWarnings(channel) : []),
    ...(areAccountsComplete ? bindingWarnings(settings, bindingIndexes, channel) : []),
    ...portConflicts(settings),
    ...timezoneIssues(settings),
  ]
}

function sectionsOf<Key extends 'bot' | 'agent', Section>(
  top: Section | undefined,
  accounts: Readonly<Record<string, { readonly [K in Key]?: Section } | undefined>> | undefined,
  key: Key,
): readonly Located<Section>[] {
  const sections: Located<Section>[] = top === undefined ? [] : [{ path: `${channelPath}.${key}`, section: top }]
  for (const [id, account] of Object.entries(accounts ?? {})) {
    const section = account?.[key]
    if (section !== undefined) sections.push({ path: `${channelPath}.accounts.${id}.${key}`, section })
  }
  return sections
}

function defaultConflicts(channel: PartialChannel): readonly ConfigIssue[] {
  return (['bot', 'agent'] as const).flatMap(key =>
    channel[key] && channel.accounts?.default?.[key]
      ? [
          error(
            `${channelPath}.accounts.default.${key}`,
            `conflicts with ${channelPath}.${key}: both belong to the account "default"`,
          ),
        ]
      : [],
  )
}

function emptyAccounts(channel: PartialChannel): readonly ConfigIssue[] {
  return Object.entries(channel.accounts ?? {}).flatMap(([id, account]) =>
    account && !account.bot && !account.agent && !(id === 'default' && (channel.bot || channel.agent))
      ? [warn(`${channelPath}.accounts.${id}`, 'has neither a bot nor an agent')]
      : [],
  )
}

/** Warns about `enabled: false` where it also disables something outside its own section. */
function disabledWarnings(channel: PartialChannel, areAccountsComplete: boolean): readonly ConfigIssue[] {
  if (channel.enabled === false) return [warn(`${channelPath}.enabled`, 'is false, so no message is answered')]
  const ids = idsOf(channel)
  const fallback = channel.defaultAccount ?? (ids.has('default') ? 'default' : [...ids][0])
  return Object.entries(channel.accounts ?? {}).flatMap(([id, account]) => {
    const tops = (['bot', 'agent'] as const).filter(key => id === 'default' && channel[key] !== undefined)
    const effects = [
      ...tops.map(key => `${channelPath}.${key} is disabled too`),
      ...(areAccountsComplete && id === fallback
        ? [`this is the default account, so ${shortPath}, ${defaultPath.bot} and ${defaultPath.app} answer 404`]
        : []),
    ]
    if (account?.enabled !== false || effects.length === 0) return []
    return [warn(`${channelPath}.accounts.${id}.enabled`, `is false: ${effects.join('; ')}`)]
  })
}

function adminUserWarnings(channel: PartialChannel): readonly ConfigIssue[] {
  const path = `${channelPath}.dynamicAgents.adminUsers`
  return administratorWarnings(channel.dynamicAgents?.adminUsers ?? [], [...idsOf(channel)], path)
}

/** Warns about bindings of an unknown account, which never match, and about those without one, which OpenClaw reads differently. */
function bindingWarnings(
  { bindings = [] }: PartialSettings,
  bindingIndexes: readonly number[],
  channel: PartialChannel,
): readonly ConfigIssue[] {
  const ids = idsOf(channel)
  const unspecific = bindings.flatMap((binding, index) =>
    binding?.match !== undefined && binding.match.accountId === undefined ? [`[${bindingIndexes[index]}]`] : [],
  )
  const message = `${unspecific.join(', ')} without accountId: wecomd applies this to every account, OpenClaw to the default one; write "*" for every account`
  const forEveryAccount = unspecific.length > 0 && ids.size > 1 ? [warn('bindings', message)] : []
  const unmatched = bindings.flatMap((binding, index) => {
    const id = binding?.match?.accountId
    if (id === undefined || id === '*' || ids.has(id)) return []
    return [warn(`bindings[${bindingIndexes[index]}].match.accountId`, unknownAccount(id, ids))]
  })
  return [...forEveryAccount, ...unmatched]
}

function idsOf(channel: PartialChannel): ReadonlySet<string> {
  return new Set([...(channel.bot || channel.agent ? ['default'] : []), ...Object.keys(channel.accounts ?? {})])
}

function unknownDefault(channel: PartialChannel): readonly ConfigIssue[] {
  const id = channel.defaultAccount
  if (id === undefined) return []
  const ids = idsOf(channel)
  if (ids.has(id)) return []
  return [error(`${channelPath}.defaultAccount`, unknownAccount(id, ids))]
}

function unknownAccount(id: string, ids: ReadonlySet<string>): string {
  return `there is no account "${id}"; known accounts: ${[...ids].join(', ') || 'none'}`
}

function duplicates<Section>(
  sections: readonly Located<Section>[],
  key: string,
  identityOf: (section: Section) => string | false | undefined,
): readonly ConfigIssue[] {
  const first = new Map<string, string>()
  return sections.flatMap(({ path, section }) => {
    const identity = identityOf(section)
    if (!identity) return []
    const other = first.get(identity)
    if (other === undefined) {
      first.set(identity, path)
      return []
    }
    const relation = key === 'agentId' ? 'is the same app (corpId and agentId) as' : 'has the same value as'
    return [error(`${path}.${key}`, `${relation} ${other}.${key}; two accounts cannot share it`)]
  })
}

function streamIssues({ path, section }: Located<PartialBot>): readonly ConfigIssue[] {
  const { windowMs, handoverMs } = section.stream ?? {}
  if (windowMs === undefined || handoverMs === undefined || handoverMs < windowMs) return []
  return [error(`${path}.stream.handoverMs`, `must be less than windowMs (${windowMs}), got ${handoverMs}`)]
}

function incompleteCallbacks({ path, section }: Located<PartialApp>): readonly ConfigIssue[] {
  if ((section.token === undefined) === (section.encodingAESKey === undefined)) return []
  const missing = section.token === undefined ? 'token' : 'encodingAESKey'
  return [warn(`${path}.${missing}`, 'is missing: callbacks need both token and encodingAESKey')]
}

/** A robot is reached at WeCom, at the private deployment, or at a host that the operator allows. */
function foreignRobots({ webhooks = {}, network }: PartialChannel): readonly ConfigIssue[] {
  const { apiBaseUrl, mediaHosts = [] } = network ?? {}
  if (apiBaseUrl === undefined) return []
  return Object.entries(webhooks).flatMap(([name, robot]) =>
    robot?.includes('/') !== true || isAllowed(robot, { apiBaseUrl, moreHosts: mediaHosts })
      ? []
      : [
          warn(
            `${channelPath}.webhooks.${name}`,
            'is not a URL of WeCom, so nothing is sent there; if the host is yours, add it to network.mediaHosts',
          ),
        ],
  )
}

function timezoneIssues({ timezone }: PartialSettings): readonly ConfigIssue[] {
  // Loading the zones costs 10 ms of the start, so the default is not looked up.
  if (timezone === undefined || timezone === defaultTimezone) return []
  if (isTimezone(timezone)) return []
  return [error('timezone', `is not a known time zone: "${timezone}"; expected a name such as ${defaultTimezone}`)]
}

function isTimezone(name: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false // Intl throws for unknown names only
  }
}

function portConflicts({ server, admin }: PartialSettings): readonly ConfigIssue[] {
  if (server?.port === undefined || server.port === 0 || server.port !== admin?.port) return []
  if (server.host === undefined || admin.host === undefined) return []
  const shared = server.host === admin.host || [server.host, admin.host].some(host => /^(?:0\.0\.0\.0|::)$/.test(host))
  return shared ? [error('admin.port', `is the same as server.port (${server.port}); use different ports`)] : []
}

function error(path: string, message: string): ConfigIssue {
  return { path, message, severity: 'error' }
}
