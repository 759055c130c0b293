import type { World } from '../world.ts'
import { parseObject } from '../domain/json.ts'
import type { Conversation, FromPage, Item, Person, ToPage } from './page/events.ts'
import {
  appConversation,
  describeAppExchange,
  describeBubble,
  describeEntry,
  describeExchange,
  describePost,
  describeRequest,
} from './page-items.ts'
import type { Tenant, TenantEvent } from './tenant/tenant.ts'

export interface PageOptions {
  readonly botName: string
  readonly callbackUrl: string
  /** Sample messages that a click sends. */
  readonly hints: readonly string[]
  /** The first self-built app of the tenant. Without it, the page shows only the Bot. */
  readonly app?: PageApp
}

export interface PageApp {
  readonly name: string
  readonly callbackUrl: string
  readonly hints: readonly string[]
}

/** The users of the playground. */
export const people: readonly Person[] = [
  { userid: 'zhangsan', name: '张三' },
  { userid: 'lisi', name: '李四' },
]

const groupId = 'wrPlayground01'

function conversationsOf({ hints, app }: PageOptions): readonly Conversation[] {
  const single = people.map(
    ({ userid, name }) => ({ id: userid, kind: 'single', name, members: [userid], hints }) as const,
  )
  const group = { id: groupId, kind: 'group', name: '项目群', members: people.map(one => one.userid), hints } as const
  const withApp = people.map(({ userid, name }) => {
    const words = { name: `${name} · ${app?.name}（应用）`, hints: app?.hints ?? [] }
    return { id: appConversation(userid), kind: 'app', members: [userid], ...words } as const
  })
  return [...single, group, ...(app === undefined ? [] : withApp)]
}

/** Translates tenant events into what the page shows, and messages of the page into actions of its users. */
export class PageClient {
  private readonly conversations: readonly Conversation[]
  /** The messages sent to the app. The tenant records only the replies. */
  private readonly sentToApp = new Map<string, Item>()

  constructor(
    private readonly world: World,
    private readonly tenant: Tenant,
    private readonly options: PageOptions,
    private readonly send: (message: ToPage) => void,
  ) {
    this.conversations = conversationsOf(options)
  }

  /** The messages for a new page: everything that has happened so far. */
  greeting(): readonly ToPage[] {
    const { botName, callbackUrl, app } = this.options
    const callbacks = [callbackUrl, ...(app ? [app.callbackUrl] : [])].map(url => `→ ${url}`)
    const addresses = [...callbacks, `← ${this.tenant.apiBaseUrl}`].map(line => line.replace('http://', ''))
    const { bubbles, ledger } = this.tenant
    const items = [
      ...bubbles.flatMap(describeBubble),
      ...this.sentToApp.values(),
      ...ledger.entries.flatMap((entry, index) => describeEntry(entry, index, this.tenant, this.senders())),
    ]
    return [
      { kind: 'hello', botName, addresses, people, conversations: this.conversations },
      ...items.toSorted((one, other) => one.at - other.at).map(item => ({ kind: 'item', item }) as const),
    ]
  }

  describe(event: TenantEvent): readonly ToPage[] {
    switch (event.kind) {
      case 'exchange':
        return [{ kind: 'wire', row: describeExchange(event.exchange) }]
      case 'response':
        return [{ kind: 'wire', row: describePost(event.post) }]
      case 'api':
        return [{ kind: 'wire', row: describeRequest(event.request, this.world.clock.now()) }]
      case 'app':
        return [{ kind: 'wire', row: describeAppExchange(event.exchange) }]
      case 'bubble':
        return describeBubble(event.bubble).map(item => ({ kind: 'item', item }))
      case 'ledger': {
        const index = this.tenant.ledger.entries.lastIndexOf(event.entry)
        const items = describeEntry(event.entry, index, this.tenant, this.senders())
        return items.map(item => ({ kind: 'item', item }))
      }
      default:
        return event satisfies never
    }
  }

  handle(text: string): void {
    const message = parseMessage(text)
    const conversation = this.conversations.find(({ id }) => id === message?.conversation)
    if (!message || !conversation) return
    if (message.kind === 'enter') return this.enter(conversation)
    const { userid } = message
    if (!conversation.members.includes(userid)) return
    if (conversation.kind === 'single') return void this.tenant.say({ userid, text: message.text })
    if (conversation.kind === 'app') return this.sayToApp(conversation, userid, message.text)
    const mention = `@${this.options.botName}`
    const said = message.text.includes(mention) ? message.text : `${mention} ${message.text}`
    this.tenant.say({ userid, chatid: conversation.id, text: said })
  }

  private enter({ kind, id, members: [userid = ''] }: Conversation): void {
    if (kind === 'single') void this.tenant.enterChat(id)
    // WeCom sends this event on every visit.
    if (kind === 'app') this.tenant.appEvent({ event: 'enter_agent', userid })
  }

  private sayToApp({ id }: Conversation, userid: string, text: string): void {
    const call = this.tenant.sayToApp({ userid, text })
    const at = this.world.clock.now()
    const show = (state: string) => {
      const item: Item = { kind: 'user', key: `a:${call.msgid}`, conversation: id, at, userid, text, state }
      this.sentToApp.set(item.key, item)
      this.send({ kind: 'item', item })
    }
    show(call.state)
    void call.done.then(({ state }) => show(state))
  }

  private senders() {
    return { appName: this.options.app?.name ?? '', robotsIn: groupId }
  }
}

function parseMessage(text: string): FromPage | undefined {
  const { kind, conversation, userid, text: words } = parseObject(text) ?? {}
  if (typeof conversation !== 'string') return undefined
  if (kind === 'enter') return { kind, conversation }
  if (kind !== 'say' || typeof userid !== 'string' || typeof words !== 'string') return undefined
  return { kind, conversation, userid, text: words }
}
