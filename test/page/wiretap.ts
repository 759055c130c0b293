import * as official from '@wecom/crypto'

/** One captured request to the daemon and its response. */
export interface Tapped {
  readonly url: URL
  readonly method: string
  readonly body: string
  readonly status: number
  readonly answer: string
}

/** A proxy between the tenant and the daemon that forwards every byte and keeps a copy. */
export interface Wiretap {
  readonly url: string
  readonly tapped: readonly Tapped[]
  /** The daemon, such as `http://127.0.0.1:8780`. */
  passTo(origin: string): void
  close(): Promise<void>
}

export function openWiretap(): Wiretap {
  const tapped: Tapped[] = []
  let target = ''
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const url = new URL(request.url)
      const { method } = request
      const body = await request.text()
      const answered = await fetch(`${target}${url.pathname}${url.search}`, { method, body, keepalive: false })
      const answer = await answered.text()
      tapped.push({ url, method, body, status: answered.status, answer })
      return new Response(answer, { status: answered.status })
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    tapped,
    passTo(origin) {
      target = origin
    },
    close: () => server.stop(true),
  }
}

export interface Opened {
  readonly callback: Readonly<Record<string, unknown>>
  readonly reply: Readonly<Record<string, unknown>> | undefined
}

/** Decrypts a captured request and its response with the official library, which also verifies both signatures. */
export function openTapped(one: Tapped, token: string, key: string): Opened {
  const asked: Record<string, unknown> = JSON.parse(one.body)
  const query = one.url.searchParams
  check(query.get('msg_signature'), token, query.get('timestamp'), query.get('nonce'), asked['encrypt'])
  const callback = JSON.parse(official.decrypt(key, String(asked['encrypt'])).message)
  if (one.answer === '') return { callback, reply: undefined }
  const answered: Record<string, unknown> = JSON.parse(one.answer)
  check(answered['msgsignature'], token, answered['timestamp'], answered['nonce'], answered['encrypt'])
  return { callback, reply: JSON.parse(official.decrypt(key, String(answered['encrypt'])).message) }
}

/** Decrypts a captured callback to an app in the same way: its XML and receiveid. */
export function openTappedXml(one: Tapped, token: string, key: string): { xml: string; receiveId: string } {
  const query = one.url.searchParams
  const encrypt = /<Encrypt><!\[CDATA\[(.*?)\]\]><\/Encrypt>/.exec(one.body)?.[1] ?? ''
  check(query.get('msg_signature'), token, query.get('timestamp'), query.get('nonce'), encrypt)
  const { message, id } = official.decrypt(key, encrypt)
  return { xml: message, receiveId: id }
}

function check(signature: unknown, token: string, timestamp: unknown, nonce: unknown, encrypt: unknown): void {
  const wanted = official.getSignature(token, String(timestamp), String(nonce), String(encrypt))
  if (signature !== wanted) throw new Error(`the signature is ${String(signature)}, not ${wanted}`)
}
