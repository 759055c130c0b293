import type { Outcome } from '../domain/delivery.ts'
import { type HostRule, isAllowed } from './hosts.ts'
import { callWecom, json, type Line } from './http-call.ts'
import { outcomeOfSilence, refused } from './outcome.ts'

export type ResponseUrlOptions = Line & HostRule

/** Posts markdown to a response_url (page 101138): plain JSON, no token, one body per URL. Never rejects. */
export function createResponsePoster(options: ResponseUrlOptions): (url: string, content: string) => Promise<Outcome> {
  return async (url, content) => {
    if (!isAllowed(url, options))
      return refused('the host is not allowed', 'add it to network.mediaHosts if it is yours')
    const answer = await callWecom(options, url, json(JSON.stringify({ msgtype: 'markdown', markdown: { content } })))
    if (answer.kind !== 'answer') return outcomeOfSilence(answer)
    const { errcode, errmsg } = answer
    if (errcode === 0) return { outcome: 'delivered', errcode, errmsg }
    // -1 says that nothing was done; the codes of a spent or expired url are written nowhere.
    return { outcome: errcode === -1 ? 'retry' : 'refused', errcode, errmsg }
  }
}
