import { afterEach, expect, test } from 'bun:test'
import { decrypt, encrypt, getSignature } from '@wecom/crypto'
import vectors from '../vectors/wecom-crypto.json'
import { main, openTenant, other, start } from './tenant-rig.ts'

const token = 'wecomdAgentTok02'
const encodingAESKey = 'xgFGhEbUFIlAp2P4zFyFW0dPhkobcziAfuqfkf6F9lQ'
const open: { close(): void }[] = []

afterEach(() => {
  for (const one of open.splice(0)) one.close()
})

interface Received {
  readonly query: URLSearchParams
  readonly body: string
  readonly xml: string
  readonly receiveId: string
}

type Reply = string | number | Promise<string>

/** An app's callback server that uses `@wecom/crypto` and none of the code under test. A number is an HTTP status. */
async function serveApp(answer: (received: Received) => Reply = () => '', appAnswerMs = 5_000) {
  const received: Received[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const query = new URL(request.url).searchParams
      const body = await request.text()
      const sealed = /<Encrypt><!\[CDATA\[(.+?)\]\]><\/Encrypt>/.exec(body)?.[1] ?? query.get('echostr') ?? ''
      const signature = getSignature(token, query.get('timestamp') ?? '', query.get('nonce') ?? '', sealed)
      if (signature !== query.get('msg_signature')) return new Response('', { status: 401 })
      const { message, id } = decrypt(encodingAESKey, sealed)
      if (request.method === 'GET') return new Response(message)
      const one = { query, body, xml: message, receiveId: id }
      received.push(one)
      const said = await answer(one)
      return typeof said === 'number' ? new Response('', { status: said }) : new Response(said)
    },
  })
  const callbackUrl = `http://127.0.0.1:${server.port}/wecom/app`
  const rig = await openTenant({ apps: [{ ...main, token, encodingAESKey, callbackUrl }, other], appAnswerMs })
  open.push(rig.tenant, { close: () => void server.stop(true) })
  return { tenant: rig.tenant, received, rig }
}

test('tenant-app-call: a message matches the official vector and library', async () => {
  const vector = vectors.vectors.find(one => one.id === 'agent-text-callback')
  const { tenant, received } = await serveApp()
  const saying = { userid: '00123', text: 'hello <b>&', msgId: '9007199254740993', createTime: 1780000003 }
  const call = await tenant.sayToApp(saying).done
  expect(call.xml).toBe(vector?.plaintext ?? '')
  expect(received).toMatchObject([{ xml: call.xml, receiveId: main.corpId }])
  const around = (body: string) => body.replace(/<Encrypt>.*<\/Encrypt>/, '')
  expect(around(received[0]?.body ?? '')).toBe(around(vector?.http_body ?? '-'))
  expect([call.state, call.tries.map(({ reply }) => reply.kind)]).toEqual(['answered', ['empty']])
})

test('tenant-app-call: the envelope equals the bytes of the official vector', async () => {
  const vector = vectors.vectors.find(one => one.id === 'agent-text-callback')
  const random = {
    bytes: (count: number) => Buffer.from(vector?.random_ascii ?? '').subarray(0, count),
    fraction: () => 0,
  }
  const app = { ...main, token, encodingAESKey, callbackUrl: 'http://127.0.0.1:9/' }
  using rig = await openTenant({ apps: [app] }, { random })
  const { body } = rig.tenant.sealForApp(vector?.plaintext ?? '', { timestamp: 1780000003 })
  expect(body).toBe(vector?.http_body ?? '')
})

test('tenant-app-call: a msgid is a 64-bit number above double precision', async () => {
  const { tenant, received } = await serveApp()
  const calls = await Promise.all([1, 2, 3].map(() => tenant.sayToApp({ userid: 'lisi', text: 'hi' }).done))
  for (const call of calls) expect(BigInt(call.msgid)).toBeGreaterThan(2n ** 53n)
  for (const call of calls) expect(BigInt(call.msgid)).toBeLessThan(2n ** 63n)
  expect(new Set(calls.map(call => call.msgid)).size).toBe(3)
  expect(received.every(({ xml }) => calls.some(call => xml.includes(`<MsgId>${call.msgid}</MsgId>`)))).toBe(true)
})

test('tenant-app-call: fields of other types and CDATA ends are escaped', async () => {
  const { tenant } = await serveApp()
  const fields = { Location_X: 23.134, Label: 'a]]>b' }
  const { xml } = await tenant.sayToApp({ userid: 'lisi', msgtype: 'location', fields }).done
  expect(xml).toContain('<MsgType><![CDATA[location]]></MsgType><Location_X>23.134</Location_X>')
  expect(xml).toContain('<Label><![CDATA[a]]]]><![CDATA[>b]]></Label>')
})

test('tenant-app-call: an event has no MsgId and by default comes from sys', async () => {
  const { tenant } = await serveApp()
  const entered = await tenant.appEvent({ event: 'enter_agent', userid: 'lisi', createTime: 5 }).done
  expect(entered.xml).toBe(
    `<xml><ToUserName><![CDATA[${main.corpId}]]></ToUserName><FromUserName><![CDATA[lisi]]></FromUserName><CreateTime>5</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[enter_agent]]></Event><EventKey><![CDATA[]]></EventKey><AgentID>${main.agentId}</AgentID></xml>`,
  )
  const low = await tenant.appEvent({ event: 'low_active_alert', fields: { EffectTime: 1780000003 } }).done
  expect(low.xml).toContain('<FromUserName><![CDATA[sys]]></FromUserName>')
  expect(low.xml).toContain('<EffectTime>1780000003</EffectTime>')
  expect([low.msgid, low.xml.includes('EventKey')]).toEqual(['', false])
})

test('tenant-app-call: a click has its choices and a one-time response_code', async () => {
  const { tenant, rig } = await serveApp()
  const selected = { fruit: ['apple', 'pear'] }
  const click = { userid: 'lisi', taskId: 't1', eventKey: 'ok', cardType: 'vote_interaction', selected }
  const { xml, responseCode } = await tenant.clickAppCard(click).done
  expect(xml).toContain('<Event><![CDATA[template_card_event]]></Event><EventKey><![CDATA[ok]]></EventKey>')
  expect(xml).toContain(
    '<SelectedItems><SelectedItem><QuestionKey><![CDATA[fruit]]></QuestionKey><OptionIds><OptionId><![CDATA[apple]]></OptionId><OptionId><![CDATA[pear]]></OptionId></OptionIds></SelectedItem></SelectedItems>',
  )
  expect(xml).toContain(`<ResponseCode><![CDATA[${responseCode}]]></ResponseCode>`)
  const update = { response_code: responseCode, userids: ['lisi'], button: { replace_name: 'done' } }
  expect((await rig.send(update, 'message/update_template_card')).errcode).toBe(0)
  expect((await rig.send(update, 'message/update_template_card')).errcode).toBe(40058)
  const menu = await tenant.clickAppCard({ ...click, isMenu: true }).done
  expect(menu.xml).toContain('template_card_menu_event')
  expect(menu.xml).not.toContain('SelectedItems')
})

test('tenant-app-call: a callback is delivered up to three times', async () => {
  const answers = [503, 404, 'success']
  const { tenant, received } = await serveApp(() => answers.shift() ?? 500, 30)
  const call = await tenant.sayToApp({ userid: 'lisi', text: 'hi' }).done
  expect(call.state).toBe('answered')
  expect(call.tries.map(one => [one.status, one.reply.kind])).toEqual([
    [503, 'empty'],
    [404, 'empty'],
    [200, 'success'],
  ])
  expect(new Set(received.map(one => `${one.query.toString()} ${one.body}`)).size).toBe(1)
  const [first, second, third] = call.tries.map(one => one.at)
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(30)
  expect((third ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(60)
})

test('tenant-app-call: a callback is lost after three late answers', async () => {
  const never = Promise.withResolvers<string>()
  const { tenant, received } = await serveApp(() => never.promise, 20)
  const call = await tenant.sayToApp({ userid: 'lisi', text: 'hi' }).done
  never.resolve('')
  expect([call.state, received.length]).toEqual(['lost', 3])
  expect(call.tries.map(one => one.status)).toEqual([0, 0, 0])
})

test('tenant-app-call: every delivery of a callback is reported', async () => {
  const { tenant, received } = await serveApp()
  const reported: unknown[] = []
  tenant.on(event => event.kind === 'app' && reported.push([event.exchange.type, event.exchange.msgid]))
  const call = await tenant.sayToApp({ userid: 'lisi', text: 'hi' }).done
  await call.deliverAgain()
  expect(received[0]?.body).toBe(received[1]?.body ?? '')
  expect(reported).toEqual([
    ['text', call.msgid],
    ['text', call.msgid],
  ])
})

test('tenant-app-call: the console accepts the URL of an app', async () => {
  const { tenant } = await serveApp()
  expect(await tenant.verifyAppUrl()).toEqual({ ok: true })
  expect(await tenant.verifyUrl()).toMatchObject({ ok: false })
  expect(() => tenant.verifyAppUrl(other.agentId)).toThrow('no such app')
})

test('tenant-app-call: hostile callbacks can be made by hand', async () => {
  const { tenant, received } = await serveApp()
  const { body, query } = tenant.sealForApp('<xml/>', { receiveId: 'wwother' })
  expect((await tenant.rawPostToApp(body, query)).status).toBe(200)
  expect(received).toMatchObject([{ xml: '<xml/>', receiveId: 'wwother' }])
  expect((await tenant.rawPostToApp(body, query.replace('nonce=', 'nonce=1'))).status).toBe(401)
})

interface Spoilt {
  readonly xml?: string
  readonly receiveId?: string
  readonly sealed?: string
  readonly signature?: string
  readonly timestamp?: number
}

function reply(msgType: string, inside: string, spoilt: Spoilt = {}): string {
  const { receiveId = main.corpId, timestamp = Math.floor(start / 1_000) } = spoilt
  const head = `<ToUserName><![CDATA[lisi]]></ToUserName><FromUserName><![CDATA[${main.corpId}]]></FromUserName>`
  const xml =
    spoilt.xml ?? `<xml>${head}<CreateTime>1</CreateTime><MsgType><![CDATA[${msgType}]]></MsgType>${inside}</xml>`
  const sealed = spoilt.sealed ?? encrypt(encodingAESKey, xml, receiveId)
  const signature = spoilt.signature ?? getSignature(token, String(timestamp), 'n', sealed)
  return `<xml><Encrypt><![CDATA[${sealed}]]></Encrypt><MsgSignature><![CDATA[${signature}]]></MsgSignature><TimeStamp>${timestamp}</TimeStamp><Nonce><![CDATA[n]]></Nonce></xml>`
}

const content = '<Content><![CDATA[ok & <b>]]></Content>'

test('tenant-app-call: a passive reply is opened and shown', async () => {
  const { tenant } = await serveApp(() => reply('text', content))
  const call = await tenant.sayToApp({ userid: 'lisi', text: 'hi' }).done
  expect(call.tries[0]?.reply).toMatchObject({ kind: 'xml', fields: { MsgType: 'text', Content: 'ok & <b>' } })
  expect(tenant.violations()).toEqual([])
  expect(tenant.ledger.seen({ userid: 'lisi' })).toMatchObject([{ kind: 'app-text', text: 'ok & <b>' }])
})

test('tenant-app-call: only a click may be answered with a new button name', async () => {
  const { tenant } = await serveApp(() =>
    reply('update_button', '<Button><ReplaceName><![CDATA[done]]></ReplaceName></Button>'),
  )
  await tenant.clickAppCard({ userid: 'lisi', taskId: 't', eventKey: 'k', cardType: 'button_interaction' }).done
  expect(tenant.ledger.entries).toMatchObject([{ kind: 'app-card-update', userid: 'lisi' }])
  await tenant.sayToApp({ userid: 'lisi', text: 'hi' }).done
  expect(tenant.violations()).toEqual(['MsgType update_button is not a legal answer to a message'])
})

test('tenant-app-call: the official vector of a passive reply decrypts', async () => {
  const vector = vectors.vectors.find(one => one.id === 'agent-passive-reply')
  const { tenant } = await serveApp(() => vector?.http_response_body ?? '')
  const call = await tenant.sayToApp({ userid: '00123', text: 'hi' }).done
  expect(call.tries[0]?.reply.fields).toMatchObject({ ToUserName: '00123', Content: 'ok' })
  expect(tenant.violations()).toEqual(['TimeStamp is not now, in seconds'])
})

const broken: [string, () => string, string][] = [
  ['JSON', () => '{}', 'neither empty nor success nor XML'],
  ['unclosed XML', () => '<xml><Encrypt>', 'neither empty nor success nor XML'],
  ['no Encrypt', () => '<xml><Nonce>1</Nonce></xml>', 'no Encrypt'],
  ['a broken cipher', () => reply('text', content, { sealed: 'AAAA' }), 'cannot be decrypted'],
  ['another receiveid', () => reply('text', content, { receiveId: '' }), 'receiveid'],
  ['a wrong signature', () => reply('text', content, { signature: 'x' }), 'MsgSignature'],
  ['an old timestamp', () => reply('text', content, { timestamp: 1_500_000_000 }), 'TimeStamp'],
  ['a timestamp in milliseconds', () => reply('text', content, { timestamp: start }), 'TimeStamp'],
  ['JSON inside', () => reply('', '', { xml: '{"msgtype":"text"}' }), 'not XML'],
  ['unswapped user names', () => reply('', '', { xml: `<xml><MsgType>text</MsgType>${content}</xml>` }), 'not swapped'],
  ['markdown', () => reply('markdown', content), 'MsgType markdown'],
]

for (const [name, answer, violation] of broken) {
  test(`tenant-app-call: an answer with ${name} is a violation`, async () => {
    const { tenant } = await serveApp(answer)
    const call = await tenant.sayToApp({ userid: 'lisi', text: 'hi' }).done
    expect(call.state).toBe('answered')
    expect(tenant.violations().join()).toContain(violation)
  })
}

test('tenant-app-call: a reply to an event without replies is a violation', async () => {
  const { tenant } = await serveApp(() => reply('text', content))
  await tenant.appEvent({ event: 'subscribe', userid: 'lisi' }).done
  expect(tenant.violations()).toEqual([])
  await tenant.appEvent({ event: 'change_contact', userid: 'lisi' }).done
  expect(tenant.violations()).toEqual(['MsgType text is not a legal answer to change_contact'])
})
