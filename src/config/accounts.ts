import { defaultPath, shortPath } from '../domain/callback-path.ts'
import { type ConfigIssue, warn } from './issues.ts'
import { administratorWarnings, dmWarnings } from './access-checks.ts'
import type { Settings } from './schema.ts'

type Channel = Settings['channels']['wecom']
type BotKeys = NonNullable<Channel['bot']>

/** The Bot of an account. `names` is `bot.name` as a list, empty when there is none. */
export interface BotConfig extends Omit<BotKeys, 'name'> {
  readonly names: readonly string[]
}

/** The self-built app of an account. */
export type AppConfig = NonNullable<Channel['agent']>

/** A Bot, an app or both. `enabled` is already false when the whole channel is off. */
export interface Account {
  readonly id: string
  readonly name?: string
  readonly enabled: boolean
  readonly bot?: BotConfig
  readonly agent?: AppConfig
  /** Where its Bot and its app stand in the file. */
  readonly paths: { readonly bot: string; readonly app: string }
  /** Own wording of sentences, over the top-level `texts`. */
  readonly texts: Settings['texts']
}

type Part<T> = T extends readonly unknown[] ? T : T extends object ? { readonly [Key in keyof T]?: Part<T[Key]> } : T

/** Settings of which the invalid parts were left out, so that what remains can still be judged. */
export type PartialSettings = Part<Settings>
type PartialChannel = NonNullable<NonNullable<PartialSettings['channels']>['wecom']>
type PartialBot = NonNullable<PartialChannel['bot']>
type PartialApp = NonNullable<PartialChannel['agent']>

interface Located<Section> {
  readonly path: string
  readonly section: Section
}

const root = 'channels.wecom'

/** The accounts of the file; the top-level bot and agent are account `default`. */
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
        bot: account?.bot ? `${root}.accounts.${id}.bot` : `${root}.bot`,
        app: account?.agent ? `${root}.accounts.${id}.agent` : `${root}.agent`,
      },
      texts: account?.texts ?? {},
    }
  })
}

function botSettingsOf({ name, ...rest }: BotKeys): BotConfig {
  return { ...rest, names: name === undefined ? [] : typeof name === 'string' ? [name] : name }
}

/** The account behind `/wecom`. */
export function defaultAccountOf(channel: Channel, accounts: readonly Account[]): string {
  return (
    channel.defaultAccount ?? accounts.find(account => account.id === 'default')?.id ?? accounts[0]?.id ?? 'default'
  )
}

/** What is wrong between keys. `places`: where the bindings stand in the file; `sure` is false when a whole account may be missing because of another complaint. */
export function checkAccounts(
  settings: PartialSettings,
  places: readonly number[],
  sure: boolean,
): readonly ConfigIssue[] {
  const channel = settings.channels?.wecom ?? {}
  const bots = placesOf(channel.bot, channel.accounts, 'bot')
  const apps = placesOf(channel.agent, channel.accounts, 'agent')
  return [
    ...doubles(channel),
    ...(bots.length + apps.length === 0 && sure
      ? [refuse(`${root}.bot`, 'is missing: no account has a bot or an agent, so there is nothing to connect')]
      : []),
    ...emptyAccounts(channel),
    ...(sure ? unknownDefault(channel) : []),
    ...switchedOff(channel, sure),
    ...twins(bots, 'token', bot => bot.token),
    ...twins(bots, 'aibotid', bot => bot.aibotid),
    ...twins(apps, 'agentId', app => app.corpId && app.agentId !== undefined && `${app.corpId}\0${app.agentId}`),
    ...[...bots, ...apps].flatMap(({ path, section }) => dmWarnings(section.dm ?? {}, `${path}.dm`)),
    ...bots.flatMap(streamComplaints),
    ...apps.flatMap(halfCallbacks),
    ...(sure ? administrators(channel) : []),
    ...(sure ? doubtfulBindings(settings, places, channel) : []),
    ...listeners(settings),
    ...timezoneComplaints(settings),
  ]
}

function placesOf<Key extends 'bot' | 'agent', Section>(
  top: Section | undefined,
  accounts: Readonly<Record<string, { readonly [K in Key]?: Section } | undefined>> | undefined,
  key: Key,
): readonly Located<Section>[] {
  const places: Located<Section>[] = top === undefined ? [] : [{ path: `${root}.${key}`, section: top }]
  for (const [id, account] of Object.entries(accounts ?? {})) {
    const section = account?.[key]
    if (section !== undefined) places.push({ path: `${root}.accounts.${id}.${key}`, section })
  }
  return places
}

function doubles(channel: PartialChannel): readonly ConfigIssue[] {
  return (['bot', 'agent'] as const).flatMap(key =>
    channel[key] && channel.accounts?.default?.[key]
      ? [
          refuse(
            `${root}.accounts.default.${key}`,
            `conflicts with ${root}.${key}, which is the same account "default"`,
          ),
        ]
      : [],
  )
}

function emptyAccounts(channel: PartialChannel): readonly ConfigIssue[] {
  return Object.entries(channel.accounts ?? {}).flatMap(([id, account]) =>
    account && !account.bot && !account.agent && !(id === 'default' && (channel.bot || channel.agent))
      ? [warn(`${root}.accounts.${id}`, 'has neither a bot nor an agent')]
      : [],
  )
}

/** A switch that turns off more than the account it stands in. */
function switchedOff(channel: PartialChannel, sure: boolean): readonly ConfigIssue[] {
  if (channel.enabled === false) return [warn(`${root}.enabled`, 'is false: nothing is answered')]
  const ids = idsOf(channel)
  const fallback = channel.defaultAccount ?? (ids.has('default') ? 'default' : [...ids][0])
  return Object.entries(channel.accounts ?? {}).flatMap(([id, account]) => {
    const tops = (['bot', 'agent'] as const).filter(key => id === 'default' && channel[key] !== undefined)
    const effects = [
      ...tops.map(key => `${root}.${key} is off with it`),
      ...(sure && id === fallback
        ? [`as the default account it has ${shortPath}, ${defaultPath.bot} and ${defaultPath.app}, which answer 404`]
        : []),
    ]
    if (account?.enabled !== false || effects.length === 0) return []
    return [warn(`${root}.accounts.${id}.enabled`, `is false: ${effects.join('; ')}`)]
  })
}

function administrators(channel: PartialChannel): readonly ConfigIssue[] {
  const path = `${root}.dynamicAgents.adminUsers`
  return administratorWarnings(channel.dynamicAgents?.adminUsers ?? [], [...idsOf(channel)], path)
}

/** A binding of an account that is not there binds nobody; one that names none means something else to OpenClaw. */
function doubtfulBindings(
  { bindings = [] }: PartialSettings,
  places: readonly number[],
  channel: PartialChannel,
): readonly ConfigIssue[] {
  const ids = idsOf(channel)
  const all = bindings.flatMap((binding, index) =>
    binding?.match !== undefined && binding.match.accountId === undefined ? [`[${places[index]}]`] : [],
  )
  const message = `${all.join(', ')}: without accountId, which is every account here, the default one in OpenClaw, and "*" in both`
  const forAll = all.length > 0 && ids.size > 1 ? [warn('bindings', message)] : []
  const lost = bindings.flatMap((binding, index) => {
    const id = binding?.match?.accountId
    if (id === undefined || id === '*' || ids.has(id)) return []
    const message = `there is no account "${id}"; there is ${[...ids].join(', ') || 'none'}`
    return [warn(`bindings[${places[index]}].match.accountId`, message)]
  })
  return [...forAll, ...lost]
}

function idsOf(channel: PartialChannel): ReadonlySet<string> {
  return new Set([...(channel.bot || channel.agent ? ['default'] : []), ...Object.keys(channel.accounts ?? {})])
}

function unknownDefault(channel: PartialChannel): readonly ConfigIssue[] {
  const id = channel.defaultAccount
  if (id === undefined) return []
  const ids = idsOf(channel)
  if (ids.has(id)) return []
  return [refuse(`${root}.defaultAccount`, `there is no account "${id}"; there is ${[...ids].join(', ') || 'none'}`)]
}

function twins<Section>(
  places: readonly Located<Section>[],
  key: string,
  identityOf: (section: Section) => string | false | undefined,
): readonly ConfigIssue[] {
  const first = new Map<string, string>()
  return places.flatMap(({ path, section }) => {
    const identity = identityOf(section)
    if (!identity) return []
    const other = first.get(identity)
    if (other === undefined) {
      first.set(identity, path)
      return []
    }
    const words = key === 'agentId' ? 'is the same app (corpId and agentId) as' : 'has the same value as'
    return [refuse(`${path}.${key}`, `${words} ${other}.${key}; two accounts cannot share it`)]
  })
}

function streamComplaints({ path, section }: Located<PartialBot>): readonly ConfigIssue[] {
  const { windowMs, handoverMs } = section.stream ?? {}
  if (windowMs === undefined || handoverMs === undefined || handoverMs < windowMs) return []
  return [
    refuse(`${path}.stream.handoverMs`, `must be less than windowMs: it is ${handoverMs}, windowMs is ${windowMs}`),
  ]
}

function halfCallbacks({ path, section }: Located<PartialApp>): readonly ConfigIssue[] {
  if ((section.token === undefined) === (section.encodingAESKey === undefined)) return []
  const missing = section.token === undefined ? 'token' : 'encodingAESKey'
  return [warn(`${path}.${missing}`, 'is missing: callbacks need token and encodingAESKey')]
}

function timezoneComplaints({ timezone }: PartialSettings): readonly ConfigIssue[] {
  if (timezone === undefined) return []
  return isTimezone(timezone) ? [] : [refuse('timezone', `is no time zone: "${timezone}"; write it as Asia/Shanghai`)]
}

function isTimezone(name: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false // a name that nobody knows is the only thing that can be wrong
  }
}

function listeners({ server, admin }: PartialSettings): readonly ConfigIssue[] {
  if (server?.port === undefined || server.port === 0 || server.port !== admin?.port) return []
  if (server.host === undefined || admin.host === undefined) return []
  const shared = server.host === admin.host || [server.host, admin.host].some(host => /^(?:0\.0\.0\.0|::)$/.test(host))
  return shared ? [refuse('admin.port', `is the port of the public listener too (server.port ${server.port})`)] : []
}

function refuse(path: string, message: string): ConfigIssue {
  return { path, message, severity: 'error' }
}
