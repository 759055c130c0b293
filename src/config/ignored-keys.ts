import { defaultPath, shortPath } from '../domain/callback-path.ts'

/** Stands in for a value that is left out: it means nothing here, or it was complained about already. */
export const ignoredKeys = Symbol('left out')

const websocket = 'wecomd is called back by WeCom over HTTPS and does not use the long connection'
const spool = 'media passes through the state folder of wecomd and is removed by itself'
const retries = 'wecomd decides by the kind of failure whether a repeat is safe'
const groups = 'WeCom only delivers group messages that mention the Bot'
const policy = 'who may is set in dm.policy and dm.allowFrom of the bot or agent section'
const roots = 'files of answers come from the gateway; those of scripts from the folders in admin.mediaRoots'
const agents = 'the gateway decides where agents live'
const routing = 'agents are chosen by bindings and gateway.agentId'
const listener = `the callback paths are fixed: ${shortPath}, ${defaultPath.bot}/{account}, ${defaultPath.app}/{account}`

/** Keys of well-known plugins, by the end of their path, with the reason why they mean nothing here. */
const foreignKeys: Readonly<Record<string, string>> = {
  'wecom.name': 'an account is named in accounts.<id>.name',
  'wecom.dm': policy,
  'dm.enabled': 'use dm.policy "disabled" to refuse everyone',
  'network.retries': retries,
  'network.retryDelayMs': retries,
  'media.tempDir': spool,
  'media.localRoots': roots,
  mediaLocalRoots: roots,
  agentDirTemplate: agents,
  workspaceTemplateDir: 'use dynamicAgents.workspaceTemplate',
  adminBypass: 'administrators are named in dynamicAgents.adminUsers',
  primaryTransport: websocket,
  'media.retentionHours': spool,
  'media.cleanupOnStart': spool,
  mediaMaxMb: 'use media.maxBytes',
  debounce: 'messages that arrive while an answer runs are merged without a delay',
  debounceMs: 'messages that arrive while an answer runs are merged without a delay',
  routing,
  adminUsers: 'use dynamicAgents.adminUsers',
  workspaceTemplate: 'use dynamicAgents.workspaceTemplate',
  connectionMode: websocket,
  mode: 'a bot or agent section that is there is used',
  ws: websocket,
  websocketUrl: websocket,
  botId: `${websocket}; the expected id of the Bot is bot.aibotid`,
  botIds: 'the expected id of the Bot is bot.aibotid',
  secret: websocket,
  webhookPath: listener,
  webhookUrl: listener,
  dmPolicy: policy,
  allowFrom: policy,
  groupPolicy: groups,
  groupAllowFrom: groups,
  groupChat: groups,
  groups,
  requireMention: groups,
  commands: 'commands are set in commands.pass at the top level, who may in dm.policy',
  sendThinkingMessage: 'the first text of a bubble is bot.streamPlaceholderContent',
  blockStreaming: 'answers always stream',
  textChunkLimit: 'the limits of the platform decide where a text is split',
  markdown: 'the platform decides what is rendered',
  configWrites: 'wecomd never writes the config of OpenClaw',
}

const foreignBindingKeys: Readonly<Record<string, string>> = {
  type: 'every binding here is a route',
  comment: 'it is read by nobody',
  session: 'each user and each group has a session of its own',
  acp: 'every binding here is a route',
}

/** Why a key that the schema does not know is a plugin's and harmless; undefined when it is simply unknown. */
export function ignoredKeyReason(path: string, key: string): string | undefined {
  if (/^bindings\[\d+\]$/.test(path)) return reasonIn(foreignBindingKeys, key)
  if (path === '' && key === '$schema') return 'only editors read it'
  if (!path.startsWith('channels.wecom')) return undefined
  const parent = path.slice(path.lastIndexOf('.') + 1)
  return reasonIn(foreignKeys, `${parent}.${key}`) ?? reasonIn(foreignKeys, key)
}

function reasonIn(table: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined
}

/** True for a binding of OpenClaw that is about another channel. */
export function isOtherChannelBinding(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('match' in value)) return false
  const match = value.match
  if (typeof match !== 'object' || match === null || !('channel' in match)) return false
  return typeof match.channel === 'string' && match.channel !== 'wecom'
}
