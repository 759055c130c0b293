import { isObject, parseObject } from '../../domain/json.ts'

/** A JSON object of unknown content, as received. */
export type Json = Readonly<Record<string, unknown>>

/** A frame from the gateway (OpenClaw protocol 4, one JSON object per text frame): a response or an event. */
export type GatewayFrame =
  | { readonly kind: 'res'; readonly id: string; readonly ok: boolean; readonly payload: Json; readonly error: Json }
  | { readonly kind: 'event'; readonly event: string; readonly payload: Json }
  | { readonly kind: 'unknown' }

/** Never throws: anything that is not a known frame is `unknown`. */
export function decodeFrame(text: string): GatewayFrame {
  const frame = parseObject(text) ?? {}
  if (frame['type'] === 'event' && typeof frame['event'] === 'string') {
    return { kind: 'event', event: frame['event'], payload: objectAt(frame, 'payload') }
  }
  if (frame['type'] === 'res' && typeof frame['id'] === 'string') {
    const ok = frame['ok'] === true
    return { kind: 'res', id: frame['id'], ok, payload: payloadOf(frame), error: objectAt(frame, 'error') }
  }
  return { kind: 'unknown' }
}

/** Some responses are a bare array. It becomes `{ list }`. */
function payloadOf(frame: Json): Json {
  return Array.isArray(frame['payload']) ? { list: frame['payload'] } : objectAt(frame, 'payload')
}

/** Params that are already JSON text, so that large attachments are not copied by another `JSON.stringify`. */
export class JsonText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Encodes one request frame. */
export function encodeRequest(id: string, method: string, params: Json | JsonText): string {
  if (!(params instanceof JsonText)) return JSON.stringify({ type: 'req', id, method, params })
  return `${JSON.stringify({ type: 'req', id, method }).slice(0, -1)},"params":${params.text}}`
}

/**
 * True for a raw `chat` or `agent` event when `followsSession` rejects every session it names; `isFinal` if it ends a run. A link with
 * `operator.read` receives the events of all sessions, and those of others are not worth parsing. Searching the text is
 * safe: quotes inside JSON strings are escaped, so only real keys match.
 */
export function isUnfollowedEvent(
  text: string,
  followsSession: (sessionKey: string, isFinal: boolean) => boolean,
): boolean {
  if (!/^\{"type":"event","event":"(?:chat|agent)"/.test(text)) return false
  const isFinal = text.includes('"state":"final"')
  let namesSession = false
  for (const match of text.matchAll(/(?<!\\)"sessionKey":"((?:[^"\\]|\\.)*)"/g)) {
    namesSession = true
    if (followsSession((match[1] ?? '').toLowerCase(), isFinal)) return false
  }
  return namesSession
}

/** Reads the object under a key. A missing or different value reads as `{}`. */
export function objectAt(object: Json, key: string): Json {
  return asObject(object[key])
}

export function stringAt(object: Json, key: string): string | undefined {
  const value = object[key]
  return typeof value === 'string' ? value : undefined
}

export function numberAt(object: Json, key: string): number | undefined {
  const value = object[key]
  return typeof value === 'number' ? value : undefined
}

export function listAt(object: Json, key: string): readonly Json[] {
  const value = object[key]
  return Array.isArray(value) ? value.map(asObject) : []
}

export function stringsAt(object: Json, key: string): readonly string[] {
  const value = object[key]
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : []
}

function asObject(value: unknown): Json {
  return isObject(value) ? value : {}
}
