import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTestDaemon } from './daemon.ts'
import { accept, countSends, refusal, sendAndWait, sendLate, waitForTry } from './sending.ts'
import { SettableClock } from './settable-clock.ts'
import { shareDaemon } from './use-daemon.ts'

const daemon = shareDaemon()
const clock = new SettableClock()
const folder = mkdtempSync(join(tmpdir(), 'wecomd-media-'))
const root = join(folder, 'root')

const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(70_000, 'png')])
/** A second of silence for each fifty frames. */
const amr = (frames: number) => Buffer.concat([Buffer.from('#!AMR\n'), ...Array(frames).fill(Buffer.alloc(13, 4))])
const mp4 = Buffer.concat([Buffer.from('\0\0\0\x18ftypisom', 'latin1'), Buffer.alloc(90_000, 'mp4')])
const pdf = Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(300_000, 'wecomd\0\r\n--')])

beforeAll(async () => {
  mkdirSync(join(root, '报表'), { recursive: true })
  writeFileSync(join(root, '报表', '一季度.pdf'), pdf)
  writeFileSync(join(folder, 'secret.txt'), 'not for anybody')
  symlinkSync(join(folder, 'secret.txt'), join(root, 'out.txt'))
  symlinkSync(folder, join(root, 'up'))
  symlinkSync(join(root, '报表', '一季度.pdf'), join(root, 'in.pdf'))
  await daemon.open({
    clock,
    agent: {},
    tenant: { members: ['a', 'b', 'c', 'd', 'e', 'f'] },
    config: { admin: { port: 0, token: 'admin-token', mediaRoots: [root] } },
  })
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
})

const media = (fileName: string, bytes: Buffer) => ({ media: { fileName, base64: bytes.toString('base64') } })
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const last = (userid: string) => daemon.tenant.ledger.seen({ userid }).at(-1)

describe('media of an app', () => {
  const all: readonly [kind: string, fileName: string, bytes: Buffer][] = [
    ['image', '截图.png', png],
    ['voice', '语音.amr', amr(100)],
    ['video', '录像.mp4', mp4],
    ['file', '年度 报告（终稿）.pdf', pdf],
    ['file', '六个字节.txt', Buffer.from('六个')],
  ]
  for (const [kind, name, bytes] of all) {
    test(`send: ${name} arrives as ${kind}, under its name, byte for byte`, async () => {
      expect(await sendAndWait(daemon, { to: 'user:a', ...media(name, bytes) })).toMatchObject({
        state: 'delivered',
        kind,
      })
      expect(last('a')?.media).toEqual({ type: kind, name, bytes: bytes.length, sha256: sha256(bytes) })
    })
  }

  const unfit: readonly [what: string, fileName: string, bytes: Buffer][] = [
    ['a voice of more than a minute', 'lang.amr', amr(3_001)],
    ['a picture of more than 10 MiB', 'gross.png', Buffer.concat([png, Buffer.alloc(10 * 1_048_576)])],
    ['a picture that is only called one', 'falsch.png', pdf],
  ]
  for (const [what, name, bytes] of unfit) {
    test(`send: ${what} arrives as a file`, async () => {
      expect(await sendAndWait(daemon, { to: 'user:b', ...media(name, bytes) })).toMatchObject({
        state: 'delivered',
        kind: 'file',
      })
      expect(last('b')?.media).toEqual({ type: 'file', name, bytes: bytes.length, sha256: sha256(bytes) })
    })
  }

  test('send: the name of a file is a name and no path', async () => {
    await sendAndWait(daemon, { to: 'user:a', ...media('../../etc/a"b\r\nX: y.pdf', pdf) })
    expect(last('a')?.media).toMatchObject({ type: 'file', name: expect.stringMatching(/^a_bX: y\.pdf$/) })
  })
})

describe('media by its path', () => {
  const byPath = (path: string) => ({ to: 'user:c', media: { fileName: '给你.pdf', path } })

  test('send: a file under admin.mediaRoots arrives, also through a link that stays inside', async () => {
    for (const name of ['报表/一季度.pdf', 'in.pdf']) {
      expect(await sendAndWait(daemon, byPath(join(root, name)))).toMatchObject({ state: 'delivered' })
      expect(last('c')?.media).toMatchObject({ name: '给你.pdf', sha256: sha256(pdf) })
    }
  })

  test('send: what was on the disk when it was accepted is sent, whatever becomes of the file', async () => {
    const path = join(root, 'gone.txt')
    writeFileSync(path, 'as it was')
    daemon.tenant.api.fail({ when: 'before', how: 502 }, '/cgi-bin/media/upload')
    const id = await accept(daemon, byPath(path))
    rmSync(path)
    await waitForTry(daemon, id)
    clock.step(6_000)
    await sendAndWait(daemon, { to: 'user:a', text: 'wake up' })
    await daemon.delivered(id)
    expect(last('c')?.media).toMatchObject({ sha256: sha256(Buffer.from('as it was')) })
  })

  const outside: readonly [what: string, path: string][] = [
    ['a file elsewhere', join(folder, 'secret.txt')],
    ['a file elsewhere, by dots', join(root, '..', 'secret.txt')],
    ['a link that leads out', join(root, 'out.txt')],
    ['a folder that leads out', join(root, 'up', 'secret.txt')],
    ['a file that is not there', join(root, 'nothing.txt')],
    ['the root itself', root],
    ['a relative path', 'root/in.pdf'],
    ['a path with a NUL', `${root}/in.pdf\0.txt`],
    ['the password file', '/etc/passwd'],
  ]
  for (const [what, path] of outside) {
    test(`send: ${what} is a bad_message`, async () => {
      expect(await refusal(daemon, byPath(path))).toMatchObject({
        status: 400,
        code: 'bad_message',
        message: expect.stringContaining('is not under admin.mediaRoots'),
        hint: expect.any(String),
      })
    })
  }

  test('send: a folder is no file', async () => {
    expect(await refusal(daemon, byPath(join(root, '报表')))).toMatchObject({ status: 400, code: 'bad_message' })
  })

  test('send: without admin.mediaRoots no path is allowed', async () => {
    const other = await startTestDaemon({ agent: {} })
    expect(await refusal(other, byPath(join(root, 'in.pdf')))).toMatchObject({ status: 400, code: 'bad_message' })
    await other.close()
  })
})

describe('an upload', () => {
  const upload = '/cgi-bin/media/upload'

  test('send: an upload that fails is repeated and the file arrives once', async () => {
    const { api } = daemon.tenant
    for (const how of ['reset', 502] as const) {
      api.fail({ when: 'after', how }, upload)
      const before = countSends(daemon)
      const body = { to: 'user:d', ...media(`${how}.pdf`, pdf) }
      expect(await sendLate(daemon, clock, body, 6_000)).toMatchObject({ state: 'delivered' })
      expect([last('d')?.text, countSends(daemon) - before]).toEqual([`${how}.pdf`, 1])
    }
  })

  test('send: what was uploaded is not uploaded again when only the message has to wait', async () => {
    const { api } = daemon.tenant
    const before = api.count(upload)
    api.failWith('/cgi-bin/message/send', 45_033)
    const body = { to: 'user:e', ...media('once.pdf', pdf) }
    expect(await sendLate(daemon, clock, body, 6_000)).toMatchObject({ state: 'delivered' })
    expect(api.count(upload) - before).toBe(1)
  })

  test('send: an upload that WeCom refuses ends the delivery with its errcode', async () => {
    daemon.tenant.api.failWith(upload, 40_004)
    const report = await sendAndWait(daemon, { to: 'user:e', ...media('x.pdf', pdf) })
    expect(report).toMatchObject({ state: 'refused', dead: true, attempts: [{ outcome: 'refused', errcode: 40_004 }] })
  })

  test('send: another file under a key that is known is a conflict, and the first one still arrives', async () => {
    daemon.tenant.api.fail({ when: 'before', how: 502 }, upload)
    const body = { to: 'user:f', idempotencyKey: 'file-1' }
    const id = await accept(daemon, { ...body, ...media('a.pdf', pdf) })
    expect(await refusal(daemon, { ...body, ...media('a.pdf', png) })).toMatchObject({ status: 409, code: 'conflict' })
    expect(await accept(daemon, { ...body, ...media('a.pdf', pdf) })).toBe(id)
    await waitForTry(daemon, id)
    clock.step(6_000)
    await daemon.restart()
    await daemon.delivered(id)
    expect(daemon.tenant.ledger.seen({ userid: 'f' }).map(entry => entry.media?.sha256)).toEqual([sha256(pdf)])
  })

  test('send: of different files under one key at once one is accepted, and that one arrives', async () => {
    const files = Array.from({ length: 8 }, (_, n) => Buffer.alloc(200_000, `${n}`))
    const answers = await Promise.all(
      files.map(bytes => daemon.send({ to: 'user:f', idempotencyKey: 'race', ...media('race.bin', bytes) })),
    )
    const statuses = answers.map(({ status }) => status)
    expect(statuses.toSorted((a, b) => a - b)).toEqual([202, ...Array(7).fill(409)])
    const winner = statuses.indexOf(202)
    await daemon.delivered(answers[winner]?.answer.id ?? '')
    expect(last('f')?.media?.sha256).toBe(sha256(files[winner] ?? Buffer.of()))
  })

  test('send: media that cannot be kept is 503, and nothing is promised', async () => {
    const spool = join(daemon.folder, 'state', 'spool')
    rmSync(spool, { recursive: true })
    writeFileSync(spool, '')
    expect(await refusal(daemon, { to: 'user:f', ...media('a.pdf', pdf), idempotencyKey: 'lost' })).toMatchObject({
      status: 503,
      code: 'store_failed',
      hint: expect.stringContaining('disk space'),
    })
    expect((await daemon.api('/api/deliveries/lost')) as object).toMatchObject({ error: { code: 'not_found' } })
  })
})
