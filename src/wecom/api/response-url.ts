import type { Outcome } from '../../domain/delivery.ts'
import type { Card } from '../../domain/message.ts'
import { printableJson } from '../../domain/visible.ts'
import { type HostRule, isAllowed } from '../../domain/hosts.ts'
import { callWecom, jsonOnce, type HttpDeps } from './http.ts'
import { outcomeOfNoReply, refused } from './outcome.ts'

export type ResponseUrlOptions = HttpDeps & HostRule

/** Creates a function that posts markdown to a response_url (page 101138): plain JSON, no token, one use per URL. */
export function createResponsePoster(options: ResponseUrlOptions): (url: string, content: string) => Promise<Outcome> {
  return (url, content) => post(options, url, { msgtype: 'markdown', markdown: { content } })
}

/** Creates a function that posts a template card to a response_url. Groups do not accept cards there. Never rejects. */
export function createCardPoster(options: ResponseUrlOptions): (url: string, card: Card) => Promise<Outcome> {
  return (url, card) => post(options, url, { msgtype: 'template_card', template_card: card })
}

async function post(options: ResponseUrlOptions, url: string, body: object): Promise<Outcome> {
  if (!isAllowed(url, options))
    return refused('the host is not allowed', 'if the host is yours, add it to network.mediaHosts')
  const answer = await callWecom(options, url, jsonOnce(printableJson(body)))
  if (answer.kind !== 'answer') return outcomeOfNoReply(answer)
  const { errcode, errmsg } = answer
  if (errcode === 0) return { outcome: 'delivered', errcode, errmsg }
  // -1 means "busy, nothing was done". The codes for a used or expired URL are undocumented, so all others are final.
  return { outcome: errcode === -1 ? 'retry' : 'refused', errcode, errmsg }
}
