import { expect, test } from 'bun:test'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MediaBytes, Spool } from '../../src/domain/spool.ts'
import { openSpool } from '../../src/store/spool.ts'
import { seeded } from '../crypto/seeded.ts'

const mebibyte = 1_048_576
/** Seconds. The age of old files; all other files in these tests are newer than `since` (ms). */
const longAgo = 1_000_000_000
const since = 1_500_000_000_000

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-spool-'))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function inSpool(work: (spool: Spool, folder: string) => Promise<void>): Promise<void> {
  await inFolder(async parent => {
    const folder = join(parent, 'state', 'spool')
    await work(openSpool({ folder }), folder)
  })
}

async function readAll(media: MediaBytes): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of media.open()) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(() => 'no failure').catch(error => error)
}

function bytesOf(count: number): Uint8Array {
  return seeded(count).bytes(count)
}

/** Makes every file of the spool old. */
function age(folder: string): void {
  for (const file of readdirSync(folder)) utimesSync(join(folder, file), longAgo, longAgo)
}

test('spool: a file is read back byte for byte, repeatedly, in 64 KiB chunks', async () => {
  await inSpool(async spool => {
    for (const size of [0, 1, 65_536, 65_537, 3 * mebibyte + 5]) {
      const bytes = bytesOf(size)
      await spool.keep('s1', bytes)
      const media = await spool.open({ kind: 'spool', file: 's1' })
      expect(media.bytes).toBe(size)
      expect(Buffer.compare(await readAll(media), bytes)).toBe(0)
      expect(Buffer.compare(await readAll(media), bytes)).toBe(0)
      for await (const piece of media.open()) expect(piece.length).toBeLessThanOrEqual(65_536)
    }
  })
})

test('spool: a text source is read as its UTF-8 bytes, without a file', async () => {
  await inSpool(async (spool, folder) => {
    const content = '你好，😀\n'.repeat(20_000)
    const media = await spool.open({ kind: 'text', content })
    expect(media.bytes).toBe(Buffer.byteLength(content))
    expect((await readAll(media)).toString()).toBe(content)
    expect((await readAll(media)).toString()).toBe(content)
    expect(readdirSync(folder)).toEqual([])
  })
})

test('spool: replacing a file does not disturb a reader of the old one', async () => {
  await inSpool(async (spool, folder) => {
    await spool.keep('s1', bytesOf(200_000))
    const reader = (await spool.open({ kind: 'spool', file: 's1' })).open()[Symbol.asyncIterator]()
    const first = await reader.next()
    await spool.keep('s1', bytesOf(10))
    const rest: Uint8Array[] = []
    for (let next = await reader.next(); next.done !== true; next = await reader.next()) rest.push(next.value)
    expect(Buffer.compare(Buffer.concat([first.value ?? Buffer.alloc(0), ...rest]), bytesOf(200_000))).toBe(0)
    expect((await spool.open({ kind: 'spool', file: 's1' })).bytes).toBe(10)
    expect(readdirSync(folder)).toHaveLength(1)
  })
})

test('spool: parallel writes to one name leave one complete file', async () => {
  await inSpool(async (spool, folder) => {
    const sizes = [100_000, 200_000, 300_000]
    await Promise.all(sizes.map(size => spool.keep('s1', bytesOf(size))))
    const bytes = await readAll(await spool.open({ kind: 'spool', file: 's1' }))
    expect(Buffer.compare(bytes, bytesOf(bytes.length))).toBe(0)
    expect(sizes).toContain(bytes.length)
    expect(readdirSync(folder)).toHaveLength(1)
  })
})

test('spool: drafts of a crashed process do not block a new write', async () => {
  await inSpool(async (spool, folder) => {
    await spool.keep('s1', bytesOf(3))
    const [file = ''] = readdirSync(folder)
    for (const number of [1, 2]) writeFileSync(join(folder, `${file}.${number}.part`), 'half')
    const next = openSpool({ folder })
    await next.keep('s1', bytesOf(5))
    expect((await next.open({ kind: 'spool', file: 's1' })).bytes).toBe(5)
  })
})

test('spool: folder and files are readable by the owner only', async () => {
  await inSpool(async (spool, folder) => {
    await spool.keep('s1', bytesOf(10))
    const modes = [folder, ...readdirSync(folder).map(file => join(folder, file))].map(
      path => statSync(path).mode & 0o777,
    )
    expect(modes).toEqual([0o700, 0o600])
  })
})

test('spool: opening makes an existing folder private', async () => {
  await inFolder(async folder => {
    mkdirSync(join(folder, 'spool'), { mode: 0o755 })
    openSpool({ folder: join(folder, 'spool') })
    expect(statSync(join(folder, 'spool')).mode & 0o777).toBe(0o700)
  })
})

test('spool: any text can be a name, and none leads out of the folder', async () => {
  await inSpool(async (spool, folder) => {
    const names = ['../../outside', '/etc/passwd', 'a/b', '..', '.', 'A', 'a', '你好', 'x\0y', 'x'.repeat(120)]
    for (const [n, name] of names.entries()) await spool.keep(name, bytesOf(n + 1))
    const sizes = names.map(async file => (await spool.open({ kind: 'spool', file })).bytes)
    expect(await Promise.all(sizes)).toEqual(names.map((_, n) => n + 1))
    expect(new Set(readdirSync(folder).map(file => file.toLowerCase())).size).toBe(names.length)
    expect(readdirSync(join(folder, '..'))).toEqual(['spool'])
  })
})

test('spool: an empty or too long name is refused', async () => {
  await inSpool(async (spool, folder) => {
    for (const name of ['', 'x'.repeat(121)])
      expect(await failureOf(spool.keep(name, bytesOf(1)))).toBeInstanceOf(Error)
    expect(readdirSync(folder)).toEqual([])
  })
})

test('spool: a removed file is not_found, and removing it again does nothing', async () => {
  await inSpool(async spool => {
    const source = { kind: 'spool', file: 's1' } as const
    await spool.keep('s1', bytesOf(10))
    const media = await spool.open(source)
    await spool.remove('s1')
    await spool.remove('s1')
    expect(await failureOf(spool.open(source))).toMatchObject({ code: 'not_found' })
    expect(await failureOf(readAll(media))).toMatchObject({ code: 'not_found' })
  })
})

test('spool: a streamed file appears when it is finished, not before', async () => {
  await inSpool(async (spool, folder) => {
    const source = { kind: 'spool', file: 'm1' } as const
    const bytes = bytesOf(200_000)
    const writer = await spool.create('m1')
    for (let at = 0; at < bytes.length; at += 70_000) await writer.write(bytes.subarray(at, at + 70_000))
    expect(await failureOf(spool.open(source))).toMatchObject({ code: 'not_found' })
    expect(readdirSync(folder).map(file => statSync(join(folder, file)).mode & 0o777)).toEqual([0o600])
    await writer.finish()
    await writer.abandon()
    expect(Buffer.compare(await readAll(await spool.open(source)), bytes)).toBe(0)
    expect(readdirSync(folder)).toHaveLength(1)
    expect(statSync(join(folder, readdirSync(folder)[0] ?? '')).mode & 0o777).toBe(0o600)
  })
})

test('spool: abandoning a write keeps the old file and leaves no draft', async () => {
  await inSpool(async (spool, folder) => {
    await spool.keep('m1', bytesOf(10))
    for (const name of ['m1', 'm2']) {
      const writer = await spool.create(name)
      await writer.write(bytesOf(100_000))
      await writer.abandon()
      await writer.abandon()
      expect(await failureOf(writer.write(bytesOf(1)))).toMatchObject({ code: 'store_failed' })
      expect(await failureOf(writer.finish())).toMatchObject({ code: 'store_failed' })
    }
    expect(readdirSync(folder)).toHaveLength(1)
    expect((await spool.open({ kind: 'spool', file: 'm1' })).bytes).toBe(10)
  })
})

test('spool: parallel streams to one name do not mix', async () => {
  await inSpool(async (spool, folder) => {
    const writers = await Promise.all([spool.create('m1'), spool.create('m1')])
    for (let piece = 0; piece < 5; piece++) {
      for (const [n, writer] of writers.entries()) await writer.write(Buffer.alloc(1_000, n + 1))
    }
    for (const [n, writer] of writers.entries()) {
      await writer.finish()
      expect(await readAll(await spool.open({ kind: 'spool', file: 'm1' }))).toEqual(Buffer.alloc(5_000, n + 1))
    }
    expect(readdirSync(folder)).toHaveLength(1)
  })
})

test('spool: a failed write is store_failed and leaves no draft', async () => {
  await inSpool(async (spool, folder) => {
    await spool.keep('s1', bytesOf(1))
    const [file = ''] = readdirSync(folder)
    rmSync(join(folder, file))
    mkdirSync(join(folder, file, 'in the way'), { recursive: true })
    expect(await failureOf(spool.keep('s1', bytesOf(10)))).toMatchObject({ code: 'store_failed' })
    expect(readdirSync(folder)).toEqual([file])
  })
})

test('spool: an impossible folder is state_folder', async () => {
  await inFolder(async folder => {
    writeFileSync(join(folder, 'file'), '')
    const open = async () => openSpool({ folder: join(folder, 'file', 'spool') })
    expect(await failureOf(open())).toMatchObject({ code: 'state_folder' })
  })
})

test('spool: a sweep removes old files that are no longer needed', async () => {
  await inSpool(async (spool, folder) => {
    for (const name of ['needed', 'done', '你好/..']) await spool.keep(name, bytesOf(3))
    age(folder)
    await spool.keep('new', bytesOf(3))
    const asked: string[] = []
    const isNeeded = async (name: string) => asked.push(name) > 0 && name === 'needed'
    expect(await spool.sweep(isNeeded, since)).toBe(2)
    expect(new Set(asked)).toEqual(new Set(['needed', 'done', '你好/..', 'new']))
    expect((await spool.open({ kind: 'spool', file: 'needed' })).bytes).toBe(3)
    expect((await spool.open({ kind: 'spool', file: 'new' })).bytes).toBe(3)
    expect(await failureOf(spool.open({ kind: 'spool', file: 'done' }))).toMatchObject({ code: 'not_found' })
    expect(await spool.sweep(isNeeded, since)).toBe(0)
  })
})

test('spool: a sweep keeps a file that is replaced meanwhile', async () => {
  await inSpool(async (spool, folder) => {
    await spool.keep('s1', bytesOf(3))
    age(folder)
    const keepAgain = async (name: string) => {
      await spool.keep(name, bytesOf(4))
      return false
    }
    expect(await spool.sweep(keepAgain, since)).toBe(0)
    expect((await spool.open({ kind: 'spool', file: 's1' })).bytes).toBe(4)
  })
})

test('spool: a sweep removes old drafts and leaves foreign files alone', async () => {
  await inSpool(async (spool, folder) => {
    await spool.keep('s1', bytesOf(3))
    const [file = ''] = readdirSync(folder)
    for (const other of [`${file}.1.part`, 'notes.txt', 'abc', '.part']) writeFileSync(join(folder, other), 'x')
    age(folder)
    writeFileSync(join(folder, `${file}.2.part`), 'being written')
    expect(await spool.sweep(async () => true, since)).toBe(1)
    expect(new Set(readdirSync(folder))).toEqual(new Set([file, `${file}.2.part`, 'notes.txt', 'abc', '.part']))
  })
})

test('spool: a sweep removes nothing if isNeeded fails', async () => {
  await inSpool(async (spool, folder) => {
    await spool.keep('s1', bytesOf(3))
    age(folder)
    const isNeeded = () => Promise.reject(new Error('the store is down'))
    expect(await failureOf(spool.sweep(isNeeded, since))).toMatchObject({ message: 'the store is down' })
    expect(readdirSync(folder)).toHaveLength(1)
  })
})

/** A media root with a file, and a secret next to it. */
async function withRoot(work: (paths: { root: string; file: string; secret: string; spool: Spool }) => Promise<void>) {
  await inFolder(async folder => {
    const root = join(folder, 'media')
    const [file, secret] = [join(root, 'deep', '报告.pdf'), join(folder, 'secret')]
    mkdirSync(join(root, 'deep'), { recursive: true })
    mkdirSync(join(folder, 'media-private'))
    for (const path of [file, secret, join(folder, 'media-private', 'x')]) writeFileSync(path, `content of ${path}`)
    await work({
      root,
      file,
      secret,
      spool: openSpool({ folder: join(folder, 'spool'), roots: [join(folder, 'no'), root] }),
    })
  })
}

const outside = { code: 'bad_message', message: expect.stringContaining('is not under admin.mediaRoots') }

test('spool: a file in a media root is read, also through a link inside', async () => {
  await withRoot(async ({ root, file, spool }) => {
    symlinkSync(file, join(root, 'link'))
    symlinkSync(root, join(root, '..', 'alias'))
    writeFileSync(join(root, '..x'), 'dots')
    for (const path of [file, join(root, 'link'), join(root, '..', 'alias', 'link'), `${root}/deep/../deep/报告.pdf`]) {
      expect(Buffer.from(await spool.borrow(path)).toString()).toBe(readFileSync(file, 'utf8'))
    }
    expect(Buffer.from(await spool.borrow(join(root, '..x'))).toString()).toBe('dots')
  })
})

test('spool: a path outside the media roots is refused, existing or not', async () => {
  await withRoot(async ({ root, secret, spool }) => {
    symlinkSync(secret, join(root, 'link'))
    symlinkSync(join(root, '..'), join(root, 'up'))
    const ways = [secret, `${root}/../secret`, join(root, 'link'), join(root, 'up', 'secret'), `${root}-private/x`]
    const nothing = [
      join(root, 'nothing'),
      `${secret}-nothing`,
      '',
      'secret',
      root,
      join(root, '..'),
      '/dev/null',
      `${root}/x\0`,
    ]
    for (const path of [...ways, ...nothing]) expect(await failureOf(spool.borrow(path))).toMatchObject(outside)
  })
})

test('spool: without media roots every path is refused; / allows all', async () => {
  await withRoot(async ({ file }) => {
    await inFolder(async folder => {
      expect(await failureOf(openSpool({ folder }).borrow(file))).toMatchObject(outside)
      expect((await openSpool({ folder, roots: ['/'] }).borrow(file)).length).toBe(readFileSync(file).length)
    })
  })
})

test('spool: pipes, folders and files over 20 MiB are refused at once', async () => {
  await withRoot(async ({ root, spool }) => {
    expect(Bun.spawnSync(['mkfifo', join(root, 'pipe')]).exitCode).toBe(0)
    for (const name of ['deep', 'pipe']) {
      const refusal = { code: 'bad_message', message: expect.stringContaining('is not a regular file') }
      expect(await failureOf(spool.borrow(join(root, name)))).toMatchObject(refusal)
    }
    writeFileSync(join(root, 'most'), Buffer.alloc(20 * mebibyte))
    expect((await spool.borrow(join(root, 'most'))).length).toBe(20 * mebibyte)
    writeFileSync(join(root, 'more'), Buffer.alloc(20 * mebibyte + 1))
    const refusal = { code: 'bad_message', message: expect.stringContaining('larger than 20 MiB') }
    expect(await failureOf(spool.borrow(join(root, 'more')))).toMatchObject(refusal)
  })
})

test('spool: a write over the quota is refused until something is removed', async () => {
  const root = mkdtempSync(join(tmpdir(), 'wecomd-quota-'))
  const folder = join(root, 'spool')
  const open = () => openSpool({ folder, quotaBytes: 1_000 })
  const spool = open()
  await spool.keep('one', bytesOf(600))
  const full = spool.keep('two', bytesOf(401))
  expect(full).rejects.toMatchObject({ code: 'overloaded', retryAfterMs: expect.any(Number) })
  await full.catch(() => {})
  expect(readdirSync(folder)).toHaveLength(1)
  const writer = await spool.create('three')
  await writer.write(bytesOf(400))
  await writer.abandon()
  expect(open().keep('two', bytesOf(401))).rejects.toMatchObject({ code: 'overloaded' })
  await spool.remove('one')
  await spool.keep('two', bytesOf(1_000))
  expect(await spool.sweep(async () => false, Number.POSITIVE_INFINITY)).toBe(1)
  await spool.keep('four', bytesOf(1_000))
  rmSync(root, { recursive: true })
})
