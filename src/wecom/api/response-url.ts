import type { Outcome } from '../../domain/delivery.ts'
import type { Card } from '../../domain/message.ts'
import { type HostRule, isAllowed } from './hosts.ts'
import { callWecom, json, type HttpDeps } from './http.ts'
import { outcomeOfNoReply, refused } from './outcome.ts'

export type ResponseUrlOptions = HttpDeps & HostRule

/** Posts markdown to a response_url (page 101138): plain JSON, no token, one body per URL. Never rejects. */
export function createResponsePoster(options: ResponseUrlOptions): (url: string, content: string) => Promise<Outcome> {
  return (url, content) => post(options, url, { msgtype: 'markdown', markdown: { content } })
}

/** Posts a template card to a response_url, which takes one in single chats only. Never rejects. */
export function createCardPoster(options: ResponseUrlOptions): (url: string, card: Card) => Promise<Outcome> {
  return (url, card) => post(options, url, { msgtype: 'template_card', template_card: card })
}

async function post(options: ResponseUrlOptions, url: string, body: object): Promise<Outcome> {
  if (!isAllowed(url, options)) return refused('the host is not allowed', 'add it to network.mediaHosts if it is yours')
  const answer = await callWecom(options, url, json(JSON.stringify(body)))
  if (answer.kind !== 'answer') return outcomeOfNoReply(answer)
  const { errcode, errmsg } = answer
  if (errcode === 0) return { outcome: 'delivered', errcode, errmsg }
  // -1 says that nothing was done; the codes of a spent or expired url are written nowhere.
  return { outcome: errcode === -1 ? 'retry' : 'refused', errcode, errmsg }
}
