import type { World } from '../../../world.ts'
import type { TenantApi } from '../api/api.ts'
import { AppMessages } from './app.ts'
import { AppCall, type AppExchange, AppWire } from './call.ts'
import { type TenantApp, Corp, type CorpOptions } from '../api/corp.ts'
import { AppGroups } from './groups.ts'
import type { Ledger } from '../ledger.ts'
import { MediaShelf } from '../api/media.ts'
import { type TenantRobot, Robots } from '../api/robots.ts'
import { SentMessages } from './sent.ts'
import { AppTokens } from '../api/tokens.ts'
import { type AppFields, formatXml } from './xml.ts'

export interface AppsOptions extends CorpOptions {
  readonly apps?: readonly TenantApp[]
  readonly robots?: readonly TenantRobot[]
  /** How long a callback to an app waits for an answer, and the interval of its retries; 5,000 ms on WeCom. */
  readonly appAnswerMs?: number
}

/** A message of a member to an app: `text`, or `fields` of another `msgtype`. `agentId` defaults to the first app. */
export interface MemberMessage {
  readonly userid: string
  readonly text?: string
  readonly msgtype?: string
  readonly fields?: AppFields
  /** A 64-bit number in decimal; above 2^53 by default. */
  readonly msgId?: string
  readonly agentId?: number
  /** Epoch seconds. */
  readonly createTime?: number
}

/** An event of an app. `userid` is `sys` for events that no member caused. */
export interface MemberEvent {
  readonly event: string
  readonly userid?: string
  readonly eventKey?: string
  readonly fields?: AppFields
  readonly agentId?: number
  readonly createTime?: number
}

/** A click on a card of an app, or with `isMenu` on the menu in its corner. `selected` are the options by question. */
export interface AppClick {
  readonly userid: string
  readonly taskId: string
  readonly eventKey: string
  readonly cardType: string
  readonly selected?: Readonly<Record<string, readonly string[]>>
  readonly isMenu?: boolean
  readonly agentId?: number
}

/** The self-built apps of a tenant: their API and their callbacks. */
export class Apps {
  readonly tokens: AppTokens
  readonly media: MediaShelf
  readonly groups: AppGroups
  readonly messages: AppMessages
  private readonly sent: SentMessages
  private readonly wires = new Map<number, AppWire>()

  constructor(
    private readonly world: Pick<World, 'clock' | 'random' | 'fetch'>,
    private readonly options: AppsOptions,
    private readonly ledger: Ledger,
    api: TenantApi,
    private readonly onExchange: (exchange: AppExchange) => void,
  ) {
    const { clock, random } = world
    const { apps = [], robots = [] } = options
    const corp = new Corp(options)
    this.tokens = new AppTokens(clock, random, apps, api)
    this.media = new MediaShelf(clock, random, apps[0]?.corpId ?? '')
    this.sent = new SentMessages(clock, random, ledger, corp)
    this.messages = new AppMessages({ clock, ledger, corp, shelf: this.media, sent: this.sent })
    this.groups = new AppGroups({ clock, random, ledger, corp, shelf: this.media })
    for (const part of [this.media, this.sent, this.messages, this.groups]) part.serve(api, this.tokens)
    api.route(
      'GET',
      '/cgi-bin/tag/list',
      this.tokens.guard(() => corp.listTags()),
    )
    new Robots(clock, ledger, this.media, robots).serve(api)
  }

  say(saying: MemberMessage): AppCall {
    const { userid, text = '', msgtype = 'text', fields = { Content: text }, agentId, createTime } = saying
    const wire = this.wireOf(agentId)
    const msgid = saying.msgId ?? this.newMsgId()
    const xml = formatXml({
      ...this.head(wire, userid, createTime),
      MsgType: msgtype,
      ...fields,
      MsgId: BigInt(msgid),
      AgentID: wire.app.agentId,
    })
    return send(new AppCall({ userid, type: msgtype, xml, msgid }, wire))
  }

  sendEvent(happening: MemberEvent, responseCode?: string): AppCall {
    const { event, userid = 'sys', fields = {}, agentId, createTime } = happening
    const eventKey = event === 'enter_agent' ? '' : happening.eventKey
    const wire = this.wireOf(agentId)
    const xml = formatXml({
      ...this.head(wire, userid, createTime),
      MsgType: 'event',
      Event: event,
      ...(eventKey === undefined ? {} : { EventKey: eventKey }),
      ...fields,
      AgentID: wire.app.agentId,
    })
    const callback = { userid, event, type: event, xml, msgid: '' }
    return send(new AppCall(responseCode === undefined ? callback : { ...callback, responseCode }, wire))
  }

  click({ userid, taskId, eventKey, cardType, selected = {}, isMenu = false, agentId }: AppClick): AppCall {
    const { app } = this.wireOf(agentId)
    const responseCode = this.sent.issueCode(app, '')
    const items = Object.entries(selected).map(([QuestionKey, ids]) => ({ QuestionKey, OptionIds: { OptionId: ids } }))
    const fields = {
      TaskId: taskId,
      CardType: cardType,
      ResponseCode: responseCode,
      ...(isMenu ? {} : { SelectedItems: { SelectedItem: items } }),
    }
    const event = isMenu ? 'template_card_menu_event' : 'template_card_event'
    return this.sendEvent({ event, userid, eventKey, fields, agentId: app.agentId }, responseCode)
  }

  /** The callback connection of an app, by default of the first one. Throws if the app has no callback URL. */
  wireOf(agentId = this.options.apps?.[0]?.agentId): AppWire {
    const known = this.wires.get(agentId ?? 0)
    if (known) return known
    const app = this.options.apps?.find(one => one.agentId === agentId)
    const { token, encodingAESKey, callbackUrl } = app ?? {}
    if (!app || token === undefined || encodingAESKey === undefined || callbackUrl === undefined)
      throw new Error('the tenant has no such app with a callbackUrl, token and encodingAESKey')
    const { appAnswerMs: answerMs = 5_000 } = this.options
    const deps = { ...this.world, callbackUrl, secrets: { token, encodingAESKey, receiveId: app.corpId }, answerMs }
    const wire = new AppWire(app, deps, this.ledger, this.onExchange)
    this.wires.set(app.agentId, wire)
    return wire
  }

  private head({ app }: AppWire, userid: string, createTime = Math.floor(this.world.clock.now() / 1_000)): AppFields {
    return { ToUserName: app.corpId, FromUserName: userid, CreateTime: createTime }
  }

  /** Between 2^62 and 2^63, where doubles lose precision, to catch code that parses msgids as numbers. */
  private newMsgId(): string {
    const random = Buffer.from(this.world.random.bytes(8)).readBigUInt64BE()
    return String((1n << 62n) + (random >> 2n))
  }
}

function send(call: AppCall): AppCall {
  void call.send()
  return call
}
