import * as official from '@wecom/crypto'
import type { Receive } from '../../src/domain/message.ts'
import { type AppAccount, createAppEndpoint } from '../../src/wecom/callback/app-endpoint.ts'
import { vector } from '../crypto/vectors.ts'
import { signed, surround } from './peer.ts'

export const { token, encodingAESKey, receiveid: corpId } = vector('agent-text-callback')
const account: AppAccount = { id: 'default', token, encodingAESKey, replaced: [], corpId, agentId: 1_000_002 }

/** An app's endpoint that records what happens around it. */
export function setUpApp(more: Partial<AppAccount> = {}, answer?: Receive) {
  const { deps, ...seen } = surround(answer)
  return { endpoint: createAppEndpoint({ ...account, ...more }, deps), ...seen }
}

/** Strings become CDATA sections as WeCom writes them, numbers plain text; raw XML is left as it is. */
export type Fields = Readonly<Record<string, string | number | { readonly raw: string }>>

export function xmlOf(fields: Fields): string {
  const elements = Object.entries(fields).map(([name, value]) => {
    const content = typeof value === 'object' ? value.raw : typeof value === 'number' ? `${value}` : cdata(value)
    return `<${name}>${content}</${name}>`
  })
  return `<xml>${elements.join('')}</xml>`
}

export function cdata(text: string): string {
  return `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`
}

/** The fields of every message and event, in the platform's order. */
export function common(more: Fields): Fields {
  return { ToUserName: corpId, FromUserName: '00123', CreateTime: 1_780_000_000, ...more, AgentID: 1_000_002 }
}

export function textMessage(content: string, more: Fields = {}): Fields {
  return { ...common({ MsgType: 'text', Content: content, MsgId: { raw: '9007199254740993' } }), ...more }
}

/** A callback, encrypted by the official library. */
export function postXml(xml: string, more: Parameters<typeof signed>[1] & { id?: string } = {}) {
  const encrypt = official.encrypt(encodingAESKey, xml, more.id ?? corpId)
  return { method: 'POST' as const, query: signed(encrypt, { token, ...more }), body: envelope(encrypt) }
}

export function envelope(encrypt: string): string {
  return xmlOf({ ToUserName: corpId, AgentID: '1000002', Encrypt: encrypt })
}
