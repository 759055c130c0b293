import { hourMs } from '../../../domain/duration.ts'
import type { Clock, Random } from '../../../world.ts'
import { isObject, parseObject } from '../../../domain/json.ts'
import { accept, refuse, type ApiVerdict, wrongJson } from '../answer.ts'
import type { ApiRequest, TenantApi } from '../api/api.ts'
import type { ApiFault } from '../fault.ts'
import { type Ledger, type ChatPlace, placeOf } from '../ledger.ts'

/** A request to a response_url and its result. */
export interface ResponsePost {
  readonly at: number
  readonly url: string
  readonly body: string
  /** Absent if a fault came before processing. */
  readonly errcode?: number
}

interface Issued {
  readonly place: ChatPlace
  readonly msgid: string
  readonly expiresAt: number
  spent: boolean
}

export const responsePath = '/cgi-bin/aibot/response'
const lifeMs = hourMs
const markdownBytes = 20_480

/** WeCom documents no errcode for a used, expired or unknown response_code; callers may only rely on it not being 0. */
const spentErrcode = 846_699

/** response_urls: valid for one use within one hour, for Markdown, and in single chats for cards. */
export class ResponseUrls {
  readonly posts: ResponsePost[] = []
  private readonly issued = new Map<string, Issued>()

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly ledger: Ledger,
    private readonly api: TenantApi,
  ) {
    api.route('POST', responsePath, ({ query, body }) => ({
      answer: this.check(this.issued.get(query.get('response_code') ?? ''), body.toString()),
    }))
  }

  issue(place: ChatPlace, msgid: string): string {
    const code = Buffer.from(this.random.bytes(24)).toString('base64url')
    this.issued.set(code, { place, msgid, expiresAt: this.clock.now() + lifeMs, spent: false })
    return `${this.api.origin}${responsePath}?response_code=${code}`
  }

  /** Makes the next request to `url` (or to any response_url) fail. Several faults are used in order. */
  fail(fault: ApiFault, url?: string): void {
    this.api.fail(fault, url ?? responsePath)
  }

  keep({ at, url, body, errcode }: ApiRequest): ResponsePost {
    const post = { at, url, body: body.toString(), ...(errcode === undefined ? {} : { errcode }) }
    this.posts.push(post)
    return post
  }

  private check(issued: Issued | undefined, body: string): ApiVerdict {
    const message = parseObject(body)
    if (!message) return wrongJson
    if (!issued) return refuse(spentErrcode, 'invalid response_code')
    if (issued.spent) return refuse(spentErrcode, 'response_code has been used')
    if (this.clock.now() >= issued.expiresAt) return refuse(spentErrcode, 'response_code expired')
    const isCard = message['msgtype'] === 'template_card'
    if (isCard && issued.place.chatid !== undefined) return refuse(40_058, 'template_card not allowed in group')
    if (!isCard && message['msgtype'] !== 'markdown') return refuse(40_008, 'invalid message type')
    const text = isCard ? JSON.stringify(message['template_card'] ?? '') : contentOf(message['markdown'])
    if (text === '' || text === '""') return refuse(44_004, 'empty content')
    if (!isCard && Buffer.byteLength(text) > markdownBytes) return refuse(45_002, 'content size out of limit')
    issued.spent = true
    const { place, msgid } = issued
    this.ledger.add({ at: this.clock.now(), kind: isCard ? 'card' : 'markdown', ...placeOf(place), msgid, text })
    return accept()
  }
}

function contentOf(markdown: unknown): string {
  const content = isObject(markdown) ? markdown['content'] : undefined
  return typeof content === 'string' ? content : ''
}
