import { dayMs, hourMs } from '../../../domain/duration.ts'
import type { Clock, Random } from '../../../world.ts'
import { isObject } from '../../../domain/json.ts'
import { type TenantAnswer, accept, refuse } from '../answer.ts'
import type { TenantApi } from '../api/api.ts'
import { cardFault } from '../card.ts'
import type { TenantApp, Corp } from '../api/corp.ts'
import type { Ledger } from '../ledger.ts'
import { type AppTokens, parsed } from '../api/tokens.ts'

interface SentMessage {
  readonly msgid: string
  readonly app: TenantApp
  readonly members: readonly string[]
  readonly at: number
  isRecalled: boolean
}

interface ResponseCode {
  readonly app: TenantApp
  readonly msgid: string
  readonly expiresAt: number
  isSpent: boolean
}

type Body = Readonly<Record<string, unknown>>

const recallMs = dayMs
const codeMs = 72 * hourMs

/** Changes to sent messages: recall within 24 h, and update of a card, once per response_code and within 72 h. */
export class SentMessages {
  private readonly messages = new Map<string, SentMessage>()
  private readonly codes = new Map<string, ResponseCode>()

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly ledger: Ledger,
    private readonly corp: Corp,
  ) {}

  serve(api: TenantApi, tokens: AppTokens): void {
    const recall = parsed((body, app) => this.recall(body, app))
    const update = parsed((body, app) => this.update(body, app))
    api.route('POST', '/cgi-bin/message/recall', tokens.guard(recall))
    api.route('POST', '/cgi-bin/message/update_template_card', tokens.guard(update))
  }

  /** Records a message under a new msgid. */
  add(app: TenantApp, members: readonly string[]): string {
    const msgid = this.newId()
    this.messages.set(msgid, { msgid, app, members, at: this.clock.now(), isRecalled: false })
    return msgid
  }

  issueCode(app: TenantApp, msgid: string): string {
    const code = this.newId()
    this.codes.set(code, { app, msgid, expiresAt: this.clock.now() + codeMs, isSpent: false })
    return code
  }

  private recall({ msgid }: Body, app: TenantApp): TenantAnswer {
    const message = this.messages.get(String(msgid))
    const isOver = message && this.clock.now() >= message.at + recallMs
    // The documentation gives no errcode; callers may only rely on it not being 0.
    if (!message || message.app !== app || message.isRecalled || isOver) return refuse(40_058, 'invalid msgid')
    message.isRecalled = true
    this.record('app-recall', app, message.members, message.msgid, '')
    return accept()
  }

  private update(body: Body, app: TenantApp): TenantAnswer {
    if (body['agentid'] !== app.agentId) return refuse(301_002, 'not allow operate another agent')
    const { button, template_card: card } = body
    const isButton = isObject(button) && typeof button['replace_name'] === 'string'
    const fault = isButton ? undefined : cardFault(card)
    if (fault !== undefined) return refuse(40_058, fault)
    const code = this.codes.get(String(body['response_code']))
    // No errcode is documented for this either.
    if (!code || code.app !== app || code.isSpent || this.clock.now() >= code.expiresAt)
      return refuse(40_058, 'invalid response_code')
    const reach = this.corp.reach(app, readReceivers(body))
    if ('errcode' in reach) return reach
    const { members, unreached } = reach
    if (members.length === 0) return refuse(81_013, 'all receivers are invalid')
    code.isSpent = true
    this.record('app-card-update', app, members, code.msgid, JSON.stringify(isButton ? button : card))
    return accept({ invaliduser: unreached.invaliduser })
  }

  private record(
    kind: 'app-recall' | 'app-card-update',
    { agentId }: TenantApp,
    members: readonly string[],
    msgid: string,
    text: string,
  ): void {
    const at = this.clock.now()
    for (const userid of members) this.ledger.add({ at, kind, userid, msgid, text, agentId })
  }

  private newId(): string {
    return Buffer.from(this.random.bytes(32)).toString('base64url')
  }
}

/** Converts the lists of this API to the strings with `|` of message/send. */
function readReceivers({ userids, partyids, tagids, atall }: Body): Body {
  const join = (list: unknown) => (Array.isArray(list) ? list.join('|') : '')
  return { touser: atall === 1 ? '@all' : join(userids), toparty: join(partyids), totag: join(tagids) }
}
