import { accept, refuse, type ApiVerdict } from '../answer.ts'

/** A self-built app. Its agentId is unique in the tenant. `token`, `encodingAESKey` and `callbackUrl` are for callbacks only. */
export interface TenantApp {
  readonly agentId: number
  readonly corpId: string
  readonly corpSecret: string
  readonly token?: string
  readonly encodingAESKey?: string
  readonly callbackUrl?: string
  /** Members who can see the app; by default all. */
  readonly visible?: readonly string[]
  /** Whether the root department can see the app, which appchat requires; true by default. */
  readonly isRootVisible?: boolean
}

export interface CorpOptions {
  /** userids in the spelling of the corp, compared case-insensitively. By default none. */
  readonly members?: readonly string[]
  /** Members without a licence: they are returned in `unlicenseduser` and see nothing. */
  readonly unlicensed?: readonly string[]
  /** Members by department id. */
  readonly parties?: Readonly<Record<string, readonly string[]>>
  readonly tags?: readonly Tag[]
}

export interface Tag {
  readonly tagid: number
  readonly tagname: string
  readonly members?: readonly string[]
}

/** The members that a message reaches, and the lists of receivers that it does not. */
export interface Reach {
  readonly members: readonly string[]
  readonly unreached: {
    readonly invaliduser: readonly string[]
    readonly invalidparty: readonly string[]
    readonly invalidtag: readonly string[]
    readonly unlicenseduser: readonly string[]
  }
}

interface Addressed {
  readonly touser: readonly string[]
  readonly toparty: readonly string[]
  readonly totag: readonly string[]
}

const maxReceivers = { touser: 1_000, toparty: 100, totag: 100 }

/** The members, departments and tags of the tenant. */
export class Corp {
  private readonly members: ReadonlyMap<string, string>
  private readonly unlicensed: ReadonlySet<string>

  constructor(private readonly options: CorpOptions) {
    this.members = new Map((options.members ?? []).map(userid => [userid.toLowerCase(), userid]))
    this.unlicensed = new Set((options.unlicensed ?? []).map(userid => userid.toLowerCase()))
  }

  /** The userid in the spelling of the corp; undefined if the app is not visible to the member. */
  memberFor(app: TenantApp, userid: string): string | undefined {
    const member = this.members.get(userid.toLowerCase())
    const visible = app.visible?.map(one => one.toLowerCase())
    return visible === undefined || visible.includes(userid.toLowerCase()) ? member : undefined
  }

  /** The receivers of a message/send, or an error answer if its lists break a rule. */
  reach(app: TenantApp, message: Readonly<Record<string, unknown>>): Reach | ApiVerdict {
    const [touser, toparty, totag] = [message['touser'], message['toparty'], message['totag']].map(readList)
    if (!touser || !toparty || !totag) return refuse(40_035, 'touser, toparty and totag are texts')
    if (touser.includes('@all')) return this.divide(app, { touser: [...this.members.values()], toparty: [], totag: [] })
    if (touser.length + toparty.length + totag.length === 0) return refuse(82_001, 'no receiver')
    if (touser.length > maxReceivers.touser) return refuse(40_032, 'more than 1000 users')
    if (toparty.length > maxReceivers.toparty) return refuse(82_002, 'more than 100 parties')
    if (totag.length > maxReceivers.totag) return refuse(82_003, 'more than 100 tags')
    if (!toparty.every(isInteger)) return refuse(40_066, 'invalid party list')
    if (!totag.every(isInteger)) return refuse(40_068, 'invalid tagid')
    return this.divide(app, { touser, toparty, totag })
  }

  listTags(): ApiVerdict {
    return accept({ taglist: (this.options.tags ?? []).map(({ tagid, tagname }) => ({ tagid, tagname })) })
  }

  private divide(app: TenantApp, { touser, toparty, totag }: Addressed): Reach {
    const isVisible = (userid: string) => this.memberFor(app, userid) !== undefined
    const membersOfParty = (id: string) => this.options.parties?.[id]
    const membersOfTag = (id: string) => this.options.tags?.find(tag => String(tag.tagid) === id)?.members ?? []
    const hasTag = (id: string) => this.options.tags?.some(tag => String(tag.tagid) === id) ?? false
    const named = [...touser, ...toparty.flatMap(id => membersOfParty(id) ?? []), ...totag.flatMap(membersOfTag)]
    const reached = [...new Set(named.flatMap(userid => this.memberFor(app, userid) ?? []))]
    const isUnlicensed = (userid: string) => this.unlicensed.has(userid.toLowerCase())
    return {
      members: reached.filter(userid => !isUnlicensed(userid)),
      unreached: {
        // WeCom returns userids in lowercase.
        invaliduser: touser.filter(userid => !isVisible(userid)).map(userid => userid.toLowerCase()),
        invalidparty: toparty.filter(id => membersOfParty(id) === undefined),
        invalidtag: totag.filter(id => !hasTag(id)),
        unlicenseduser: reached.filter(isUnlicensed).map(userid => userid.toLowerCase()),
      },
    }
  }
}

/** The elements of `a|b|c`; undefined if the value is not a string. */
function readList(value: unknown): readonly string[] | undefined {
  if (value === undefined) return []
  return typeof value === 'string' ? value.split('|').filter(element => element !== '') : undefined
}

function isInteger(id: string): boolean {
  return /^\d+$/.test(id)
}
