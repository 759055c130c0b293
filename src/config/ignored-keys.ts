import { defaultPath, shortPath } from '../domain/callback-path.ts'

/** Replaces a value that the reader leaves out: it is ignored, or it has been reported as an error. */
export const omitted = Symbol('omitted')

const websocket = 'WeCom calls wecomd over HTTPS; the long connection is not used'
const spool = 'media is stored in the state folder and removed automatically'
const retries = 'wecomd decides by the kind of failure whether a retry is safe'
const groups = 'WeCom only delivers group messages that mention the Bot'
const policy = 'access is set in dm.policy and dm.allowFrom of the bot or agent section'
const roots = 'files in answers come from the gateway, files of scripts from the folders in admin.mediaRoots'
const agents = 'the gateway decides where agents are stored'
const routing = 'agents are chosen by bindings and gateway.agentId'
const listener = `the callback paths are fixed: ${shortPath}, ${defaultPath.bot}/{account}, ${defaultPath.app}/{account}`

/**
 * Keys of well-known WeCom plugins for OpenClaw, with the reason why wecomd ignores them. A key is either a name or the last two
 * parts of a path. They are warnings, not errors, so that the config of a plugin can be reused.
 */
const pluginKeys: Readonly<Record<string, string>> = {
  'wecom.name': 'use accounts.<id>.name',
  'wecom.dm': policy,
  'dm.enabled': 'use dm.policy "disabled" to deny everyone',
  'network.retries': retries,
  'network.retryDelayMs': retries,
  'media.tempDir': spool,
  'media.localRoots': roots,
  mediaLocalRoots: roots,
  agentDirTemplate: agents,
  workspaceTemplateDir: 'use dynamicAgents.workspaceTemplate',
  adminBypass: 'administrators are listed in dynamicAgents.adminUsers',
  primaryTransport: websocket,
  'media.retentionHours': spool,
  'media.cleanupOnStart': spool,
  mediaMaxMb: 'use media.maxBytes',
  debounce: 'messages that arrive during a running answer are merged without a delay',
  debounceMs: 'messages that arrive during a running answer are merged without a delay',
  routing,
  adminUsers: 'use dynamicAgents.adminUsers',
  workspaceTemplate: 'use dynamicAgents.workspaceTemplate',
  connectionMode: websocket,
  mode: 'every bot and agent section in the file is used',
  ws: websocket,
  websocketUrl: websocket,
  botId: `${websocket}; the expected Bot id is bot.aibotid`,
  botIds: 'the expected Bot id is bot.aibotid',
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
  commands: 'commands are set in commands.pass at the top level, access to them in dm.policy',
  sendThinkingMessage: 'the first text of a bubble is bot.streamPlaceholderContent',
  blockStreaming: 'answers always stream',
  textChunkLimit: 'texts are split at the size limits of WeCom',
  markdown: 'WeCom decides which Markdown it renders',
  configWrites: 'wecomd never writes the OpenClaw config',
}

const openclawBindingKeys: Readonly<Record<string, string>> = {
  type: 'every binding in wecomd is a route',
  comment: 'comments have no effect',
  session: 'each user and each group has its own session',
  acp: 'every binding in wecomd is a route',
}

/** The reason why a key is ignored, if it is not in the schema but known from a plugin or OpenClaw; undefined if it is a mistake. */
export function ignoredKeyReason(path: string, key: string): string | undefined {
  if (/^bindings\[\d+\]$/.test(path)) return reasonIn(openclawBindingKeys, key)
  if (path === '' && key === '$schema') return 'only editors use it'
  if (!path.startsWith('channels.wecom')) return undefined
  const parent = path.slice(path.lastIndexOf('.') + 1)
  return reasonIn(pluginKeys, `${parent}.${key}`) ?? reasonIn(pluginKeys, key)
}

function reasonIn(table: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined
}

/** True for an OpenClaw binding of another channel. */
export function isOtherChannelBinding(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('match' in value)) return false
  const match = value.match
  if (typeof match !== 'object' || match === null || !('channel' in match)) return false
  return typeof match.channel === 'string' && match.channel !== 'wecom'
}
