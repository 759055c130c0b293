import type { Clock, Random } from '../../../world.ts'
import { type TenantAnswer, accept, isVerdict, refuse, type ApiVerdict } from '../answer.ts'
import type { TenantApiCall, TenantApi } from '../api/api.ts'
import { readContent } from '../content.ts'
import type { TenantApp, Corp } from '../api/corp.ts'
import type { Ledger } from '../ledger.ts'
import type { MediaShelf } from '../api/media.ts'
import { type AppTokens, parsed } from '../api/tokens.ts'

/** A group created by an app. */
export interface AppGroup {
  readonly chatid: string
  readonly agentId: number
  readonly name: string
  readonly owner: string
  readonly members: readonly string[]
}

interface GroupDeps {
  readonly clock: Clock
  readonly random: Random
  readonly ledger: Ledger
  readonly corp: Corp
  readonly shelf: MediaShelf
}

type Body = Readonly<Record<string, unknown>>

/** appchat/create, get and send. Only for apps visible to the root department, and only for their own groups. */
export class AppGroups {
  readonly all: AppGroup[] = []

  constructor(private readonly deps: GroupDeps) {}

  serve(api: TenantApi, tokens: AppTokens): void {
    const rooted = (handle: (call: TenantApiCall, app: TenantApp) => TenantAnswer) =>
      tokens.guard((call, app) => (app.isRootVisible === false ? notRooted : handle(call, app)))
    api.route('POST', '/cgi-bin/appchat/create', rooted(parsed((body, app) => this.create(body, app))))
    api.route('POST', '/cgi-bin/appchat/send', rooted(parsed((body, app) => this.send(body, app))))
    api.route(
      'GET',
      '/cgi-bin/appchat/get',
      rooted(({ query }, app) => this.get(query.get('chatid'), app)),
    )
  }

  /** Adds a group as if the app had created it. */
  add(group: Pick<AppGroup, 'chatid' | 'agentId'> & Partial<AppGroup>): void {
    this.all.push({ name: '', owner: group.members?.[0] ?? '', members: [], ...group })
  }

  private create(body: Body, app: TenantApp): ApiVerdict {
    const { name = '', owner, userlist, chatid = this.newChatid() } = body
    if (typeof name !== 'string' || Array.from(name).length > 50) return refuse(86_004, 'invalid group name')
    if (!Array.isArray(userlist)) return refuse(40_031, 'invalid userlist')
    const named = new Set(userlist.map(userid => String(userid).toLowerCase()))
    if (named.size < 2 || named.size > 2_000) return refuse(86_006, 'invalid member count')
    const members = [...named].flatMap(userid => this.deps.corp.memberFor(app, userid) ?? [])
    if (members.length < named.size) return refuse(86_007, 'invalid group member')
    const leader = typeof owner === 'string' ? members.find(one => isSame(one, owner)) : members[0]
    if (leader === undefined) return refuse(86_005, 'invalid group owner')
    const isTaken = this.all.some(group => group.chatid === chatid)
    if (typeof chatid !== 'string' || !/^[0-9A-Za-z]{1,32}$/.test(chatid) || isTaken)
      return refuse(86_001, 'invalid chatid')
    this.all.push({ chatid, agentId: app.agentId, name, owner: leader, members })
    return accept({ chatid })
  }

  private get(chatid: unknown, app: TenantApp): ApiVerdict {
    const group = this.find(chatid, app)
    if (isVerdict(group)) return group
    const { name, owner, members: userlist } = group
    return accept({ chat_info: { chatid: group.chatid, name, owner, userlist } })
  }

  private send(body: Body, app: TenantApp): ApiVerdict {
    const group = this.find(body['chatid'], app)
    if (isVerdict(group)) return group
    const content = readContent(body, { shelf: this.deps.shelf, owner: app.corpId })
    if (isVerdict(content)) return content
    const { agentId } = app
    const { chatid } = group
    const at = this.deps.clock.now()
    const head = { at, userid: '', chatid, msgid: '', agentId }
    const { what, text, media, cutFrom } = content
    if (what === 'card') return refuse(40_008, 'invalid message type')
    if (cutFrom !== undefined) {
      const violation = `text.content has ${cutFrom} bytes and was truncated`
      this.deps.ledger.add({ ...head, kind: 'violation', text: violation })
    }
    this.deps.ledger.add({ ...head, kind: `group-${what}`, text, ...(media ? { media } : {}) })
    return accept()
  }

  private find(chatid: unknown, app: TenantApp): AppGroup | ApiVerdict {
    const group = this.all.find(one => one.chatid === chatid)
    if (!group) return refuse(86_001, 'invalid chatid')
    return group.agentId === app.agentId ? group : refuse(86_008, 'chat not created by this app')
  }

  private newChatid(): string {
    return Buffer.from(this.deps.random.bytes(16)).toString('hex')
  }
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}

const notRooted = refuse(60_011, 'no privilege to access/modify contact/party/agent')
