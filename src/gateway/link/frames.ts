import { isObject, parseObject } from '../../domain/json.ts'

/** A JSON object of unknown content, as it comes over the wire. */
export type Json = Readonly<Record<string, unknown>>

/** What the gateway sends: answers to requests, and events (`openclaw` protocol 4, one JSON object per text frame). */
export type GatewayFrame =
  | { readonly kind: 'res'; readonly id: string; readonly ok: boolean; readonly payload: Json; readonly error: Json }
  | { readonly kind: 'event'; readonly event: string; readonly payload: Json }
  | { readonly kind: 'unknown' }

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

/** Some answers are a bare list. */
function payloadOf(frame: Json): Json {
  return Array.isArray(frame['payload']) ? { list: frame['payload'] } : objectAt(frame, 'payload')
}

/** Params that are JSON already: what is large is put together once, in its frame. */
export class JsonText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export function encodeRequest(id: string, method: string, params: Json | JsonText): string {
  if (!(params instanceof JsonText)) return JSON.stringify({ type: 'req', id, method, params })
  return `${JSON.stringify({ type: 'req', id, method }).slice(0, -1)},"params":${params.text}}`
}

/**
 * True when a raw frame is a `chat` or `agent` event that names no session of `isHeld`: a link with `operator.read` sees
 * the events of all sessions, and those of others are not worth parsing. Inside strings quotes are escaped, so only
 * real keys match.
 */
export function isForeignEvent(text: string, isHeld: (sessionKey: string) => boolean): boolean {
  if (!/^\{"type":"event","event":"(?:chat|agent)"/.test(text)) return false
  let named = false
  for (const match of text.matchAll(/(?<!\\)"sessionKey":"((?:[^"\\]|\\.)*)"/g)) {
    named = true
    if (isHeld((match[1] ?? '').toLowerCase())) return false
  }
  return named
}

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
