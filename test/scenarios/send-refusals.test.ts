import { beforeAll, describe, expect, test } from 'bun:test'
import { appOf, botKey, botToken } from './daemon.ts'
import { accept, cards, countSends, refusal } from './sending.ts'
import { SettableClock } from './settable-clock.ts'
import { shareDaemon } from './use-daemon.ts'

const daemon = shareDaemon()
const clock = new SettableClock()

beforeAll(async () => {
  await daemon.open({
    clock,
    agent: {},
    channel: {
      accounts: { plain: { bot: { token: `${botToken}2`, encodingAESKey: botKey } } },
      webhooks: { ops: 'robot-key' },
    },
    config: { limits: { outbox: 4 } },
  })
})

const to = 'user:zhangsan'
const text = 'x'
const { text_notice, button_interaction, vote_interaction } = cards
const sevenButtons = Array.from({ length: 7 }, (_, n) => ({ text: `${n}`, key: `${n}` }))
const article = { title: '标'.repeat(42), url: 'https://wecomd.example/', description: 'd'.repeat(512) }
const base64 = Buffer.from('some bytes').toString('base64')

describe('a body that is not as it should be', () => {
  const wrong: readonly [what: string, body: object, path: string][] = [
    ['an unknown field', { to, text, txet: 'y' }, 'txet'],
    ['no target', { text }, 'to'],
    ['an empty target', { to: '', text }, 'to'],
    ['a target of a wrong type', { to: 5, text }, 'to'],
    ['a text of a wrong type', { to, text: { a: 1 } }, 'text'],
    ['an empty text', { to, text: '' }, 'text'],
    ['an empty markdown', { to, markdown: '' }, 'markdown'],
    ['a card that is no object', { to, card: 'x' }, 'card'],
    ['no news in news', { to, news: [] }, 'news'],
    ['nine articles', { to, news: Array.from({ length: 9 }, () => ({ title: 't', url: 'https://a/' })) }, 'news'],
    ['an article without url', { to, news: [{ title: 't' }] }, 'news.0.url'],
    ['an article with more', { to, news: [{ title: 't', url: 'https://a/', link: 'y' }] }, 'news.0.link'],
    ['media without a name', { to, media: { base64 } }, 'media.fileName'],
    ['an account of a wrong type', { to, text, account: 5 }, 'account'],
    ['an empty idempotencyKey', { to, text, idempotencyKey: '' }, 'idempotencyKey'],
    ['a long idempotencyKey', { to, text, idempotencyKey: 'k'.repeat(257) }, 'idempotencyKey'],
    ['a list', [], ''],
  ]
  for (const [what, body, path] of wrong) {
    test(`send: ${what} is a bad_request that names the place`, async () => {
      expect(await refusal(daemon, body)).toEqual({
        status: 400,
        code: 'bad_request',
        message: expect.stringContaining(path === '' ? 'the body' : path),
        hint: expect.any(String),
        path,
      })
    })
  }

  test('send: a body that is no JSON is a bad_request', async () => {
    const post = (body: string, type = 'application/json') =>
      fetch(`${daemon.app.privateUrl}/api/send`, {
        method: 'POST',
        headers: { authorization: 'Bearer admin-token', 'content-type': type },
        body,
      })
    for (const body of ['{', '', 'null', '"x"']) {
      const response = await post(body)
      expect([response.status, await response.json()]).toEqual([
        400,
        { error: expect.objectContaining({ code: 'bad_request', hint: expect.any(String) }) },
      ])
    }
    expect((await post(`to=${to}&text=x`, 'text/plain')).status).toBe(400)
  })

  const types = ['application/x-www-form-urlencoded', 'text/plain', 'application/json; charset=utf-8', undefined]
  for (const [index, type] of types.entries()) {
    test(`send: JSON is read as JSON with ${type ?? 'no'} content type`, async () => {
      const response = await fetch(`${daemon.app.privateUrl}/api/send`, {
        method: 'POST',
        headers: { authorization: 'Bearer admin-token', ...(type !== undefined && { 'content-type': type }) },
        body: new Blob([JSON.stringify({ to: 'user:zhangsan', text: 'x', account: `nope${index}` })]),
      })
      expect([response.status, await response.json()]).toEqual([
        400,
        { error: expect.objectContaining({ code: 'bad_target', message: `there is no account "nope${index}"` }) },
      ])
    })
  }
})

describe('a message that cannot be sent', () => {
  const wrong: readonly [what: string, body: object, says: string][] = [
    ['nothing to say', {}, 'exactly one of'],
    ['two things at once', { text, markdown: text }, 'exactly one of'],
    ['a text of white space', { text: ' \n\t' }, 'empty'],
    ['a card without its type', { card: {} }, 'card_type must be one of text_notice'],
    ['a card of an unknown type', { card: { card_type: 'poster' } }, 'card_type'],
    ['a card without its action', { card: { ...text_notice, card_action: undefined } }, 'the card has no card_action'],
    [
      'a card that can be clicked, without a task_id',
      { card: { ...button_interaction, task_id: undefined } },
      'task_id',
    ],
    [
      'a card with a text for a title',
      { card: { ...text_notice, main_title: '上线' } },
      'main_title must be an object',
    ],
    ['a card with too many buttons', { card: { ...button_interaction, button_list: sevenButtons } }, '6 are allowed'],
    ['a vote without a button to submit', { card: { ...vote_interaction, submit_button: undefined } }, 'submit_button'],
    [
      'news with a long title',
      { news: [article, { ...article, title: '标'.repeat(43) }] },
      'news.1.title has 129 bytes',
    ],
    ['news with a long description', { news: [{ ...article, description: 'd'.repeat(513) }] }, 'WeCom accepts 512'],
    ['news without an address', { news: [{ ...article, url: 'example.com/a' }] }, 'news.0.url must be an http'],
    ['news with a script', { news: [{ ...article, url: 'javascript:alert(1)' }] }, 'news.0.url must be an http'],
    [
      'news with a picture of no address',
      { news: [{ ...article, picurl: '/a.png' }] },
      'news.0.picurl must be an http',
    ],
    ['media with neither bytes nor path', { media: { fileName: 'a' } }, 'exactly one of base64 and path'],
    ['media with both', { media: { fileName: 'a', base64, path: '/a' } }, 'exactly one of base64 and path'],
    ['media that is not base64', { media: { fileName: 'a', base64: '%%%' } }, 'not base64'],
    ['media of five bytes', { media: { fileName: 'a', base64: 'YWJjZGU=' } }, '5 bytes'],
  ]
  for (const [what, content, says] of wrong) {
    test(`send: ${what} is a bad_message`, async () => {
      expect(await refusal(daemon, { to, ...content })).toMatchObject({
        status: 400,
        code: 'bad_message',
        message: expect.stringContaining(says),
      })
    })
  }

  test('send: media of more than 20 MiB is a bad_message, a body of more than 32 MiB is 413', async () => {
    const media = (bytes: number) => ({ to, media: { fileName: 'a.bin', base64: 'A'.repeat((bytes * 4) / 3) } })
    expect(await refusal(daemon, media(21 * 1_048_576))).toMatchObject({
      status: 400,
      code: 'bad_message',
      message: expect.stringContaining('20 MiB'),
    })
    const response = await fetch(`${daemon.app.privateUrl}/api/send`, {
      method: 'POST',
      headers: { authorization: 'Bearer admin-token', 'content-type': 'application/json' },
      body: JSON.stringify(media(27 * 1_048_576)),
    })
    expect(response.status).toBe(413)
  })
})

describe('a target that is none', () => {
  const wrong: readonly [to: string, code: string, message: string, hint: string][] = [
    ['12345', 'bad_target', 'bare digits', 'write user:123, party:123 or tag:123'],
    ['nobody:x', 'bad_target', 'unknown kind of target', 'user:ID'],
    ['user:', 'bad_target', 'names no user', 'user:a|b'],
    ['user:@all|a', 'bad_target', 'everyone', 'alone'],
    ['party:abc', 'bad_target', 'department', 'number'],
    ['user:@all', 'bad_target', 'everyone is not allowed', 'outbound.allowBroadcast'],
    ['webhook:nope', 'bad_target', 'there is no webhook', 'ops'],
    ['user:zhangsan@plain', 'no_app', 'has no self-built app', 'corpId'],
    ['group:wrX', 'group_blocked', 'cannot write to ordinary groups', 'allowAppChat'],
  ]
  for (const [target, code, message, hint] of wrong) {
    test(`send: ${target} is refused as ${code}, and the hint says what goes`, async () => {
      expect(await refusal(daemon, { to: target, text })).toEqual({
        status: 400,
        code,
        message: expect.stringContaining(message),
        hint: expect.stringContaining(hint),
      })
    })
  }

  test('send: an account that does not exist is named with those that do', async () => {
    expect(await refusal(daemon, { to, text, account: 'nope' })).toMatchObject({
      status: 400,
      code: 'bad_target',
      hint: 'configured accounts: default, plain',
    })
  })

  test('send: the account field wins over the one behind the target', async () => {
    expect(await refusal(daemon, { to: 'zhangsan@default', text, account: 'plain' })).toMatchObject({ code: 'no_app' })
  })
})

test('send: nothing of all that has reached WeCom', () => {
  expect(daemon.tenant.api.requests).toEqual([])
})

test('send: a full outbox is 429 with Retry-After; what is known is not refused, and what waited arrives', async () => {
  const { tenant } = daemon
  tenant.api.trustOnly([])
  const held = await accept(daemon, { to, text: 'first', idempotencyKey: 'first' })
  await daemon.delivered(held, 'held')
  for (const name of ['a', 'b', 'c']) await accept(daemon, { to, text: name })
  const { status, headers, answer } = await daemon.send({ to, text: 'one too many' })
  expect([status, headers.get('retry-after')]).toEqual([429, '30'])
  expect(answer.error).toEqual({
    code: 'overloaded',
    message: '4 deliveries are waiting already',
    hint: expect.stringContaining('limits.outbox'),
  })
  expect(await accept(daemon, { to, text: 'first', idempotencyKey: 'first' })).toBe(held)
  expect(countSends(daemon)).toBe(1)
  tenant.api.trustOnly(undefined)
  clock.step(65_000)
  await daemon.delivered(held)
  const id = await accept(daemon, { to, text: 'again' })
  await daemon.delivered(id)
  expect(tenant.ledger.seen({ userid: 'zhangsan' }).map(entry => entry.text)).toEqual(['first', 'a', 'b', 'c', 'again'])
})

test('send: no refusal tells a secret, and no log line what was to be said', () => {
  const log = daemon.log.join('\n')
  for (const secret of [appOf.corpSecret, 'robot-key', 'zhangsan', 'one too many']) expect(log).not.toContain(secret)
})
