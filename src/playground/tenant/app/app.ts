import { hourMs, minuteMs } from '../../../domain/duration.ts'
import type { Clock } from '../../../world.ts'
import { isObject, parseObject } from '../../../domain/json.ts'
import { type TenantAnswer, accept, isVerdict, refuse, type ApiVerdict, wrongJson } from '../answer.ts'
import type { TenantApiCall, TenantApi } from '../api/api.ts'
import { isInteractive } from '../card.ts'
import { type SentContent, readContent } from '../content.ts'
import type { TenantApp, Corp, Reach } from '../api/corp.ts'
import type { Ledger } from '../ledger.ts'
import type { MediaShelf } from '../api/media.ts'
import type { SentMessages } from './sent.ts'
import type { AppTokens } from '../api/tokens.ts'

/** A message that was silently dropped, because the member had received too many from this app. */
export interface DroppedMessage {
  readonly at: number
  readonly agentId: number
  readonly userid: string
  readonly text: string
}

/** A request remembered for the duplicate check. The key is its body, which contains the agentid. */
interface Remembered {
  readonly at: number
  readonly answer: ApiVerdict
}

interface MessageDeps {
  readonly clock: Clock
  readonly ledger: Ledger
  readonly corp: Corp
  readonly shelf: MediaShelf
  readonly sent: SentMessages
}

type Message = Readonly<Record<string, unknown>>

const perMinute = 30
const perHour = 1_000
const intervalSeconds = { usual: 1_800, most: 14_400 }

/** message/send, including its error codes, receivers, and what WeCom silently truncates or drops. */
export class AppMessages {
  readonly dropped: DroppedMessage[] = []
  private readonly remembered = new Map<string, Remembered>()
  /** Times of delivered messages by app and member. */
  private readonly shown = new Map<string, number[]>()

  constructor(private readonly deps: MessageDeps) {}

  serve(api: TenantApi, tokens: AppTokens): void {
    api.route(
      'POST',
      '/cgi-bin/message/send',
      tokens.guard((call, app) => this.send(call, app)),
    )
  }

  private send({ body }: TenantApiCall, app: TenantApp): TenantAnswer {
    const { corp, shelf, clock } = this.deps
    const message = parseObject(body.toString())
    if (!message) return wrongJson
    const wrong = checkHead(message, app)
    if (wrong) return wrong
    const reach = corp.reach(app, message)
    if (isVerdict(reach)) return reach
    const content = readContent(message, { shelf, owner: app.corpId })
    if (isVerdict(content)) return content
    const lists = formatLists(reach)
    if (reach.members.length === 0 && lists.unlicenseduser === '')
      return refuse(81_013, 'user & party & tag all invalid', lists)
    const isChecked = message['enable_duplicate_check'] === 1
    const key = body.toString()
    const intervalMs = 1_000 * Number(message['duplicate_check_interval'] ?? intervalSeconds.usual)
    const duplicate = this.remembered.get(key)
    if (isChecked && duplicate && clock.now() < duplicate.at + intervalMs) return duplicate.answer
    const answer = this.show(app, content, reach)
    this.remembered.set(key, { at: clock.now(), answer })
    return answer
  }

  private show(app: TenantApp, content: SentContent, reach: Reach): ApiVerdict {
    const { clock, ledger, sent } = this.deps
    const at = clock.now()
    const { agentId } = app
    const { what, text, media, cutFrom } = content
    const msgid = sent.add(app, reach.members)
    if (cutFrom !== undefined) {
      const violation = `text.content has ${cutFrom} bytes and was truncated`
      ledger.add({ at, kind: 'violation', userid: reach.members[0] ?? '', msgid, text: violation, agentId })
    }
    for (const userid of reach.members) {
      if (!this.takeBudget(`${agentId}/${userid}`)) this.dropped.push({ at, agentId, userid, text })
      else ledger.add({ at, kind: `app-${what}`, userid, msgid, text, agentId, ...(media ? { media } : {}) })
    }
    const card = what === 'card' ? parseObject(text) : undefined
    const code = card && isInteractive(card) ? { response_code: sent.issueCode(app, msgid) } : {}
    return accept({ ...formatLists(reach), msgid, ...code })
  }

  /** Counts a message against the member's limits. False if they are exceeded. */
  private takeBudget(key: string): boolean {
    const now = this.deps.clock.now()
    const times = (this.shown.get(key) ?? []).filter(at => now - at < hourMs)
    const lastMinute = times.filter(at => now - at < minuteMs).length
    const isFree = times.length < perHour && lastMinute < perMinute
    this.shown.set(key, isFree ? [...times, now] : times)
    return isFree
  }
}

function checkHead(message: Message, app: TenantApp): ApiVerdict | undefined {
  const { agentid, duplicate_check_interval: interval, msgtype, template_card: card } = message
  if (agentid === undefined) return refuse(41_011, 'agentid missing')
  if (typeof agentid !== 'number') return refuse(40_056, 'invalid agentid')
  if (agentid !== app.agentId) return refuse(301_002, 'not allow operate another agent with this accesstoken')
  if (interval !== undefined && !(Number(interval) > 0 && Number(interval) <= intervalSeconds.most))
    return refuse(40_035, 'invalid duplicate_check_interval')
  const isClickable = msgtype === 'template_card' && isObject(card) && isInteractive(card)
  if (isClickable && app.callbackUrl === undefined) return refuse(40_058, 'the app has no callback url')
  return undefined
}

/** In the answer, lists are strings joined with `|`, also empty ones. */
function formatLists({ unreached }: Reach) {
  return {
    invaliduser: unreached.invaliduser.join('|'),
    invalidparty: unreached.invalidparty.join('|'),
    invalidtag: unreached.invalidtag.join('|'),
    unlicenseduser: unreached.unlicenseduser.join('|'),
  }
}
