import { afterEach, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import type { MediaKind, MediaMessage, Message } from '../../src/domain/delivery.ts'
import type { Target } from '../../src/domain/target.ts'
import { createTenant, type TenantOptions } from '../../src/playground/tenant/tenant.ts'
import { realWorld } from '../../src/world.ts'
import { encodingAESKey, token } from '../playground/callback-server.ts'
import { bytesOf, checked, keptLog, openRig, robotKey, salesApp } from './api-rig.ts'

const open: { close(): void }[] = []
afterEach(() => {
  for (const one of open.splice(0)) one.close()
})

const files = {
  image: Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(64, 1)]),
  voice: Buffer.concat([Buffer.from('#!AMR\n'), Buffer.alloc(64, 2)]),
  video: Buffer.concat([Buffer.from('\0\0\0\x18ftypmp42'), Buffer.alloc(64, 3)]),
  file: Buffer.from('%PDF-1.7 机密'),
} as const satisfies Record<MediaKind, Buffer>

const contents: ReadonlyMap<string, Buffer> = new Map(Object.entries(files))

/** A platform and a simulated tenant: three members, a department, a tag, a group of the app and a robot. */
async function startTestDaemon(more: Partial<TenantOptions> = {}) {
  const clock = { time: 1_780_000_000_000, now: () => clock.time }
  const world = realWorld(keptLog().log)
  const tenant = await createTenant(
    { ...world, clock: { ...world.clock, now: clock.now } },
    {
      callbackUrl: 'http://127.0.0.1:9/',
      token,
      encodingAESKey,
      apps: [salesApp],
      members: ['Bob', 'Alice', 'Carol'],
      parties: { '2': ['Alice', 'Carol'] },
      tags: [{ tagid: 7, tagname: '值班', members: ['Carol'] }],
      robots: [{ name: 'ops', key: robotKey }],
      callerIp: '198.51.100.9',
      ...more,
    },
  )
  open.push(tenant)
  tenant.groups.add({ chatid: 'wrOURS', agentId: salesApp.agentId })
  const openMedia = async (source: MediaMessage['source']) =>
    bytesOf(source.kind === 'spool' ? (contents.get(source.file) ?? Buffer.alloc(0)) : Buffer.from(source.content))
  const { platform } = openRig(tenant.apiBaseUrl, {
    clock,
    openMedia,
    apps: new Map([['default', { ...salesApp, allowAppChat: true }]]),
  })
  const send = (to: Target, message: Message, options: { unchecked: boolean } = checked) =>
    platform.send('default', to, message, options)
  /** Uploads the message first if its route needs that, then sends it. */
  async function sendMedia(to: Target, media: MediaKind) {
    const message = mediaOf(media)
    if (to.kind === 'webhook' && media === 'image') return await send(to, message)
    const uploaded = await platform.upload('default', to, message)
    return 'outcome' in uploaded ? uploaded : await send(to, { ...message, ...uploaded })
  }
  return { tenant, platform, clock, send, sendMedia }
}

const mediaOf = (media: MediaKind): MediaMessage => ({
  kind: 'media',
  media,
  fileName: `机密 ${media}.${{ image: 'png', voice: 'amr', video: 'mp4', file: 'pdf' }[media]}`,
  bytes: files[media].length,
  source: { kind: 'spool', file: media },
})

const text = (content: string): Message => ({ kind: 'text', content })
const bob: Target = { kind: 'user', ids: ['bob'] }
const group: Target = { kind: 'group', chatid: 'wrOURS' }
const robot: Target = { kind: 'webhook', name: 'ops' }

test('platform: an app reaches members, departments, tag names and @all', async () => {
  const { tenant, send } = await startTestDaemon()
  const targets: readonly Target[] = [
    { kind: 'user', ids: ['bob', 'Alice'] },
    { kind: 'party', ids: ['2'] },
    { kind: 'tag', ids: ['值班'] },
    { kind: 'user', ids: ['@all'] },
  ]
  for (const [index, to] of targets.entries()) {
    expect(await send(to, text(`第 ${index}`))).toMatchObject({ outcome: 'delivered', msgid: expect.any(String) })
  }
  const seen = (userid: string) => tenant.ledger.seen({ userid }).map(entry => entry.text)
  expect([seen('Bob'), seen('Alice'), seen('Carol')]).toEqual([
    ['第 0', '第 3'],
    ['第 0', '第 1', '第 3'],
    ['第 1', '第 2', '第 3'],
  ])
  expect(tenant.tokens.gets()).toBe(1)
  expect(tenant.violations()).toEqual([])
})

test('platform: apps, groups and robots can send every kind of message', async () => {
  const { tenant, send, sendMedia } = await startTestDaemon()
  const card = {
    card_type: 'text_notice',
    main_title: { title: 'A' },
    card_action: { type: 1, url: 'https://x.example' },
  }
  const articles = [{ title: 't', url: 'https://x.example/' }]
  const messages: readonly Message[] = [text('x'), { kind: 'markdown', content: '# x' }, { kind: 'news', articles }]
  for (const to of [bob, group, robot]) {
    for (const message of messages) expect(await send(to, message)).toMatchObject({ outcome: 'delivered' })
    for (const media of ['image', 'voice', 'video', 'file'] as const) {
      expect(await sendMedia(to, media)).toMatchObject({ outcome: 'delivered' })
    }
  }
  for (const to of [bob, robot]) expect(await send(to, { kind: 'card', card })).toMatchObject({ outcome: 'delivered' })
  const kinds = ['text', 'markdown', 'news', 'media', 'media', 'media', 'media']
  const seen = [{ userid: 'Bob' }, { chatid: 'wrOURS' }, { chatid: 'ops' }].map(place => tenant.ledger.seen(place))
  expect(seen.map(entries => entries.map((entry): string => entry.kind))).toEqual([
    [...kinds, 'card'].map(kind => `app-${kind}`),
    kinds.map(kind => `group-${kind}`),
    [...kinds, 'card'].map(kind => `robot-${kind}`),
  ])
  expect(tenant.violations()).toEqual([])
})

test('platform: a file arrives whole and with its name', async () => {
  const { tenant, sendMedia } = await startTestDaemon()
  await sendMedia(bob, 'file')
  expect(tenant.ledger.seen({ userid: 'Bob' })[0]?.media).toEqual({
    type: 'file',
    name: '机密 file.pdf',
    bytes: files.file.length,
    sha256: createHash('sha256').update(files.file).digest('hex'),
  })
})

test('platform: a repeated message shows once checked, twice unchecked', async () => {
  const { tenant, send } = await startTestDaemon()
  for (const unchecked of [false, false, true]) await send(bob, text('完成'), { unchecked })
  expect(tenant.ledger.seen({ userid: 'Bob' }).map(entry => entry.text)).toEqual(['完成', '完成'])
})

test('platform: expired tokens under load cost one gettoken each', async () => {
  const { tenant, send } = await startTestDaemon({ members: Array.from({ length: 40 }, (_, index) => `u${index}`) })
  const all = () =>
    Promise.all(Array.from({ length: 40 }, (_, index) => send({ kind: 'user', ids: [`u${index}`] }, text('x'))))
  await all()
  for (const end of ['expire', 'revoke'] as const) {
    tenant.tokens[end]()
    expect(new Set((await all()).map(one => one.outcome))).toEqual(new Set(['delivered']))
  }
  expect(tenant.tokens.gets()).toBe(3)
})

test('platform: non-members are reported; without members it is refused', async () => {
  const { send } = await startTestDaemon({ unlicensed: ['Carol'] })
  expect(await send({ kind: 'user', ids: ['bob', 'NoBody', 'Carol'] }, text('x'))).toMatchObject({
    outcome: 'delivered',
    unreached: { invaliduser: ['nobody'], unlicenseduser: ['carol'] },
  })
  expect(await send({ kind: 'user', ids: ['NoBody'] }, text('x'))).toMatchObject({ outcome: 'refused', errcode: 81013 })
})

test('platform: an untrusted IP is named and works once it is trusted', async () => {
  const { tenant, send, sendMedia } = await startTestDaemon()
  tenant.api.trustOnly([])
  const held = { outcome: 'retry', hold: true, errcode: 60020, hint: expect.stringContaining('add 198.51.100.9 to') }
  expect(await send(bob, text('x'))).toMatchObject(held)
  expect(await sendMedia(bob, 'file')).toMatchObject(held)
  expect(await send(robot, text('x'))).toMatchObject({ outcome: 'delivered' })
  tenant.api.trustOnly(undefined)
  expect(await send(bob, text('x'))).toMatchObject({ outcome: 'delivered' })
})

test('platform: after a broken connection, resending shows the message once', async () => {
  const { tenant, send } = await startTestDaemon()
  tenant.api.fail({ when: 'after', how: 'reset' }, '/cgi-bin/message/send')
  expect(await send(bob, text('x'))).toMatchObject({ outcome: 'unknown' })
  expect(await send(bob, text('x'))).toMatchObject({ outcome: 'delivered' })
  expect(tenant.ledger.seen({ userid: 'Bob' })).toHaveLength(1)
})

test('platform: unknown groups and robots are refused with a hint', async () => {
  const { send } = await startTestDaemon({ robots: [] })
  expect(await send({ kind: 'group', chatid: 'wrOTHERS' }, text('x'))).toMatchObject({
    outcome: 'refused',
    hint: expect.any(String),
  })
  expect(await send(robot, text('x'))).toMatchObject({ outcome: 'refused', errcode: 93000 })
})

test("platform: a robot's 21st message within a minute waits", async () => {
  const { send } = await startTestDaemon()
  for (let count = 0; count < 20; count++) await send(robot, text(`${count}`))
  expect(await send(robot, text('20'))).toMatchObject({ outcome: 'retry', errcode: 45009, retryAfterMs: 67_500 })
})
