import { isObject } from '../domain/json.ts'
import type { Item, PageFile, WireRow } from './page/events.ts'
import type { Tenant } from './tenant/tenant.ts'
import type { ApiRequest } from './tenant/api/api.ts'
import type { AppExchange } from './tenant/app/call.ts'
import type { Bubble } from './tenant/bot/bubble.ts'
import type { LedgerEntry, SeenMedia } from './tenant/ledger.ts'
import type { ResponsePost } from './tenant/bot/response-url.ts'
import type { Exchange } from './tenant/wire.ts'

/** Sender details that the tenant does not record. */
export interface Senders {
  readonly appName: string
  /** The conversation that shows messages of group robots. */
  readonly robotsIn: string
}

/** The id of a user's conversation with the app. */
export function appConversation(userid: string): string {
  return `app:${userid}`
}

/** The path prefix of files that the page can download. */
export const filePath = '/file/'

export function describeExchange({ at, kind, msgid, ms, raw, status, reply }: Exchange): WireRow {
  return { at, kind, id: msgid, ms, bytes: raw.length, status, violations: reply.violations.length }
}

export function describePost({ at, url, body, errcode }: ResponsePost): WireRow {
  const id = new URL(url).searchParams.get('response_code') ?? ''
  const bytes = Buffer.byteLength(body)
  return { at, kind: 'response', id, bytes, status: 200, ...(errcode === undefined ? {} : { errcode }), violations: 0 }
}

export function describeAppExchange({ at, type, msgid, ms, raw, status, reply }: AppExchange): WireRow {
  return { at, kind: 'app', id: msgid, name: type, ms, bytes: raw.length, status, violations: reply.violations.length }
}

/** Describes a request without its query, which contains access_tokens and keys. */
export function describeRequest({ at, path, body, errcode }: ApiRequest, now: number): WireRow {
  const name = path.replace('/cgi-bin/', '')
  const row = { at, kind: 'api', id: '', name, ms: now - at, bytes: body.length, status: 200, violations: 0 } as const
  return errcode === undefined ? row : { ...row, errcode }
}

export function describeBubble(bubble: Bubble): Item[] {
  const { msgid, state, frames } = bubble
  const conversation = bubble.place.chatid ?? bubble.place.userid
  const { userid } = bubble.place
  const text = textOf(bubble)
  const user: Item = { kind: 'user', key: `u:${msgid}`, conversation, at: bubble.sentAt, userid, text, state }
  const first = frames.at(0)
  const last = frames.at(-1)
  if (!first || !last) return [user]
  const at = last.finish ? last.at : first.at
  const { content } = last
  return [user, { kind: 'bot', key: `b:${msgid}`, conversation, at, content, state, frames: frames.length }]
}

/** Describes a message outside of bubbles. `index` is the position of the entry in the ledger. */
export function describeEntry(entry: LedgerEntry, index: number, tenant: Tenant, senders: Senders): Item[] {
  const { kind, at, msgid, text, userid, chatid } = entry
  switch (kind) {
    case 'markdown':
    case 'card':
    case 'welcome': {
      const quoted = tenant.bubbles.find(bubble => bubble.msgid === msgid)
      const quote = quoted ? textOf(quoted) : ''
      const conversation = chatid ?? userid
      return [{ kind: 'note', key: `n:${kind}:${msgid}`, conversation, at, label: kind, quote, text }]
    }
    case 'app-text':
    case 'app-markdown':
    case 'app-card':
    case 'app-news':
    case 'app-media':
    case 'robot-text':
    case 'robot-markdown':
    case 'robot-card':
    case 'robot-news':
    case 'robot-media':
      return [describeSent(kind, entry, index, tenant, senders)]
    default:
      return []
  }
}

type SentKind = `${'app' | 'robot'}-${Extract<Item, { kind: 'sent' }>['what']}`

function describeSent(kind: SentKind, entry: LedgerEntry, index: number, tenant: Tenant, senders: Senders): Item {
  const { at, text, userid, chatid = '', media } = entry
  // Sound: a SentKind is these two, joined by a hyphen.
  const [by, what] = kind.split('-') as ['app' | 'robot', Extract<Item, { kind: 'sent' }>['what']]
  const where = by === 'app' ? appConversation(userid) : senders.robotsIn
  const name = by === 'app' ? senders.appName : chatid
  const item: Item = { kind: 'sent', key: `s:${index}`, conversation: where, at, by, name, what, text }
  return media ? { ...item, file: describeFile(media, tenant) } : item
}

function describeFile({ type, name, bytes, sha256 }: SeenMedia, tenant: Tenant): PageFile {
  const isKept = tenant.media.uploads.some(upload => upload.sha256 === sha256)
  return { type, name, bytes, ...(isKept ? { href: `${filePath}${sha256}` } : {}) }
}

function textOf({ callback }: Bubble): string {
  const text = callback['text']
  return isObject(text) && typeof text['content'] === 'string' ? text['content'] : `[${callback.msgtype}]`
}
