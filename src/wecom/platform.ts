import { decodeKey } from '../crypto/envelope.ts'
import type { MediaMessage, Message, Outcome } from '../domain/delivery.ts'
import type { Platform, Tokens, Upload } from '../domain/ports.ts'
import type { Spool } from '../domain/spool.ts'
import type { Target } from '../domain/target.ts'
import type { Clock, Fetch, Log, Random, Timers } from '../world.ts'
import { AppApi } from './api/app.ts'
import { encodeAppMessage, encodeCardUpdate, encodeGroupMessage } from './api/app-message.ts'
import type { HostRule } from '../domain/hosts.ts'
import { json, jsonOnce, type HttpDeps } from './api/http.ts'
import { createMediaFetcher } from './media/fetch.ts'
import { nameToSend } from './media/kinds.ts'
import { decodeUpload, encodeUpload, openMedia } from './media/upload.ts'
import { outcomeOfSuccess, refused } from './api/outcome.ts'
import { createCardPoster, createResponsePoster } from './api/response-url.ts'
import { createRobot, type Robot } from './api/robot.ts'
import { Tags } from './api/tags.ts'

/** The settings of one self-built app. */
export interface PlatformApp {
  readonly corpId: string
  readonly corpSecret: string
  readonly agentId: number
  /** Whether `group:` targets are allowed. */
  readonly allowAppChat: boolean
}

/** The settings and dependencies of the platform, from one config snapshot. */
export interface PlatformOptions {
  readonly fetch: Fetch
  readonly clock: Pick<Clock, 'now'>
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
  readonly network: HostRule & Omit<HttpDeps, 'fetch'>
  /** The apps, by account. */
  readonly apps: ReadonlyMap<string, PlatformApp>
  /** The EncodingAESKeys of each account with a Bot: the current one first, then those it replaced. */
  readonly botKeys: ReadonlyMap<string, readonly string[]>
  /** Group robots by name. The value is the robot's key or its whole webhook URL. */
  readonly webhooks: Readonly<Record<string, string>>
  readonly tokens: Tokens
  readonly openMedia: Spool['open']
  readonly createFile: Spool['create']
  /** Larger media from users are not stored. */
  readonly maxMediaBytes: number
  onTokenRefresh(account: string): void
}

interface App {
  readonly settings: PlatformApp
  readonly api: AppApi
  readonly tags: Tags
}

/** Creates the `Platform` port: every request to WeCom. Replies to callbacks are in `callback/`. */
export function createPlatform(options: PlatformOptions): Platform {
  const { fetch, network, random } = options
  const http = { ...network, fetch, apiBaseUrl: network.apiBaseUrl.replace(/\/+$/, '') }
  const apps = openApps(options, http)
  const appOf = (account: string): App | Outcome =>
    apps.get(account) ?? refused(`account ${account} has no app`, 'configure the agent section of this account')
  const robotOf = (name: string): Robot | Outcome => {
    const address = Object.hasOwn(options.webhooks, name) ? options.webhooks[name] : undefined
    if (address === undefined) return refused(`no group robot is named ${name}`, 'add it to channels.wecom.webhooks')
    return (
      createRobot(address, { http, random, openMedia: options.openMedia }) ??
      refused(`webhook ${name} must be a key, or a URL with ?key= on an allowed host`)
    )
  }
  return {
    postResponse: createResponsePoster(http),
    postCard: createCardPoster(http),
    async send(account, to, message, { unchecked }) {
      if (to.kind === 'webhook') {
        const robot = robotOf(to.name)
        return 'outcome' in robot ? robot : await robot.send(message)
      }
      const app = appOf(account)
      if ('outcome' in app) return app
      return to.kind === 'group'
        ? await sendToGroup(app, to.chatid, message)
        : await sendByApp(app, to, message, unchecked)
    },
    async updateCard(account, userid, responseCode, card) {
      const app = appOf(account)
      if ('outcome' in app) return app
      const body = encodeCardUpdate(app.settings.agentId, userid, responseCode, card)
      const result = await app.api.call('message/update_template_card', { payload: json(body) })
      return 'outcome' in result ? result : outcomeOfSuccess(result.answer)
    },
    async upload(account, to, message) {
      const sender = to.kind === 'webhook' ? robotOf(to.name) : appOf(account)
      if ('outcome' in sender) return sender
      return 'upload' in sender ? await sender.upload(message) : await uploadByApp(sender, message, options)
    },
    fetchMedia: createMediaFetcher({
      ...options,
      http,
      keys: new Map(Array.from(options.botKeys, ([account, keys]) => [account, keys.map(decodeKey)])),
      apiOf: account => apps.get(account)?.api,
    }),
    tokenExpiresAt: account => apps.get(account)?.api.token.expiresAt(),
  }
}

function openApps(options: PlatformOptions, http: HttpDeps & HostRule): ReadonlyMap<string, App> {
  const { tokens, clock, random, log, onTokenRefresh } = options
  const deps = { http, tokens, clock, random, log, onRefresh: onTokenRefresh }
  return new Map(
    Array.from(options.apps, ([account, settings]) => {
      const api = new AppApi({ account, ...settings }, deps)
      return [account, { settings, api, tags: new Tags(api, clock) }]
    }),
  )
}

async function sendByApp(
  { settings, api, tags }: App,
  to: Extract<Target, { kind: 'user' | 'party' | 'tag' }>,
  message: Message,
  unchecked: boolean,
): Promise<Outcome> {
  const ids = to.kind === 'tag' ? await tags.resolve(to.ids) : to.ids
  if ('outcome' in ids) return ids
  const body = encodeAppMessage(settings.agentId, { kind: to.kind, ids }, message, unchecked)
  const result = await api.call('message/send', { payload: json(body) })
  return 'outcome' in result ? result : outcomeOfSuccess(result.answer)
}

async function sendToGroup({ settings, api }: App, chatid: string, message: Message): Promise<Outcome> {
  if (!settings.allowAppChat) {
    return refused(
      'sending to groups is off: an app can send only to groups that it created itself',
      'send to a user, party, tag or webhook, let the Bot answer in the group, or set agent.allowAppChat',
    )
  }
  const body = encodeGroupMessage(chatid, message)
  if (body === undefined) return refused('groups of an app do not accept cards')
  const result = await api.call('appchat/send', { payload: jsonOnce(body) })
  return 'outcome' in result ? result : outcomeOfSuccess(result.answer)
}

async function uploadByApp({ api }: App, message: MediaMessage, options: PlatformOptions): Promise<Upload> {
  const file = await openMedia(options.openMedia, message.source)
  if ('outcome' in file) return file
  const payload = encodeUpload(await nameToSend(message.fileName, () => file.open()), file, options.random)
  const result = await api.call('media/upload', { query: { type: message.media }, payload, isRepeatable: true })
  return 'outcome' in result ? result : decodeUpload(result.answer)
}
