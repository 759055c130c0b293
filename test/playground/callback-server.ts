import { decrypt, encrypt, getSignature } from '@wecom/crypto'

export const token = 'QDG6eK'
export const encodingAESKey = 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C'

export interface Received {
  readonly msgid: string
  readonly msgtype: string
  readonly chattype?: string
  readonly chatid?: string
  readonly from: { readonly userid: string }
  readonly response_url?: string
  readonly create_time?: number
  readonly text?: { readonly content: string }
  readonly stream?: { readonly id: string }
  readonly event?: { readonly eventtype: string }
}

/** The answer of a hand-made daemon: JSON to encrypt, a complete Response, or nothing (the empty packet). */
export type Answer = object | Response | undefined

export interface Envelope {
  encrypt: string
  msgsignature: string
  timestamp: number | string
  nonce: string
}

/**
 * A minimal callback server that uses `@wecom/crypto` and none of the code under test. `spoil` may change the
 * envelope of an answer.
 */
export function serveCallbacks(
  answer: (received: Received) => Answer | Promise<Answer>,
  spoil: (envelope: Envelope) => unknown = envelope => envelope,
) {
  const received: Received[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const query = new URL(request.url).searchParams
      const nonce = query.get('nonce') ?? ''
      const timestamp = query.get('timestamp') ?? ''
      const body = request.method === 'GET' ? undefined : ((await request.json()) as { encrypt: string })
      const sealed = body?.encrypt ?? query.get('echostr') ?? ''
      if (getSignature(token, timestamp, nonce, sealed) !== query.get('msg_signature'))
        return new Response('', { status: 401 })
      const { message } = decrypt(encodingAESKey, sealed)
      if (!body) return new Response(message)
      const callback = JSON.parse(message) as Received
      received.push(callback)
      const said = await answer(callback)
      if (said instanceof Response) return said
      return new Response(said === undefined ? '' : JSON.stringify(spoil(sealEnvelope(said, nonce, timestamp))))
    },
  })
  return { url: `http://127.0.0.1:${server.port}/wecom/bot`, received, close: () => void server.stop(true) }
}

function sealEnvelope(said: object, nonce: string, timestamp: string): Envelope {
  const encrypted = encrypt(encodingAESKey, JSON.stringify(said), '')
  return {
    encrypt: encrypted,
    msgsignature: getSignature(token, timestamp, nonce, encrypted),
    timestamp: Number(timestamp),
    nonce,
  }
}

export function stream(content: string, finish: boolean, more: object = {}) {
  return { msgtype: 'stream', stream: { id: 'st_1', content, finish, ...more } }
}
