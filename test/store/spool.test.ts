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
/** The time of what was kept long ago; everything else in these tests is younger than `since`. */
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

/** Every file of the spool was kept long ago. */
function age(folder: string): void {
  for (const file of readdirSync(folder)) utimesSync(join(folder, file), longAgo, longAgo)
}

test('spool: what is kept comes back byte for byte in pieces of 64 KiB, as often as it is asked for', async () => {
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

test('spool: a text is a file of its UTF-8 bytes', async () => {
  await inSpool(async (spool, folder) => {
    const content = '你好，😀\n'.repeat(20_000)
    const media = await spool.open({ kind: 'text', content })
    expect(media.bytes).toBe(Buffer.byteLength(content))
    expect((await readAll(media)).toString()).toBe(content)
    expect((await readAll(media)).toString()).toBe(content)
    expect(readdirSync(folder)).toEqual([])
  })
})

test('spool: a file that is kept under a name again replaces the first, for whoever reads the first too', async () => {
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

test('spool: files kept at the same time under one name leave one of them whole', async () => {
  await inSpool(async (spool, folder) => {
    const sizes = [100_000, 200_000, 300_000]
    await Promise.all(sizes.map(size => spool.keep('s1', bytesOf(size))))
    const bytes = await readAll(await spool.open({ kind: 'spool', file: 's1' }))
    expect(Buffer.compare(bytes, bytesOf(bytes.length))).toBe(0)
    expect(sizes).toContain(bytes.length)
    expect(readdirSync(folder)).toHaveLength(1)
  })
})

test("spool: a draft that a killed process has left is in nobody's way", async () => {
  await inSpool(async (spool, folder) => {
    await spool.keep('s1', bytesOf(3))
    const [file = ''] = readdirSync(folder)
    for (const number of [1, 2]) writeFileSync(join(folder, `${file}.${number}.part`), 'half')
    const next = openSpool({ folder })
    await next.keep('s1', bytesOf(5))
    expect((await next.open({ kind: 'spool', file: 's1' })).bytes).toBe(5)
  })
})

test('spool: only we may read the folder and its files', async () => {
  await inSpool(async (spool, folder) => {
    await spool.keep('s1', bytesOf(10))
    const modes = [folder, ...readdirSync(folder).map(file => join(folder, file))].map(
      path => statSync(path).mode & 0o777,
    )
    expect(modes).toEqual([0o700, 0o600])
  })
})

test('spool: a folder that was open to others is closed to them', async () => {
  await inFolder(async folder => {
    mkdirSync(join(folder, 'spool'), { mode: 0o755 })
    openSpool({ folder: join(folder, 'spool') })
    expect(statSync(join(folder, 'spool')).mode & 0o777).toBe(0o700)
  })
})

test('spool: a name is any text, and none of them leads out of the folder', async () => {
  await inSpool(async (spool, folder) => {
    const names = ['../../outside', '/etc/passwd', 'a/b', '..', '.', 'A', 'a', '你好', 'x\0y', 'x'.repeat(120)]
    for (const [n, name] of names.entries()) await spool.keep(name, bytesOf(n + 1))
    const sizes = names.map(async file => (await spool.open({ kind: 'spool', file })).bytes)
    expect(await Promise.all(sizes)).toEqual(names.map((_, n) => n + 1))
    expect(new Set(readdirSync(folder).map(file => file.toLowerCase())).size).toBe(names.length)
    expect(readdirSync(join(folder, '..'))).toEqual(['spool'])
  })
})

test('spool: a name that no file can have is refused', async () => {
  await inSpool(async (spool, folder) => {
    for (const name of ['', 'x'.repeat(121)])
      expect(await failureOf(spool.keep(name, bytesOf(1)))).toBeInstanceOf(Error)
    expect(readdirSync(folder)).toEqual([])
  })
})

test('spool: a file that is removed is gone, also for who has opened it before, and removing it again is no harm', async () => {
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

test('spool: a file that is written piece by piece is there when it is finished, and not before', async () => {
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

test('spool: a file that is abandoned leaves nothing, and what had its name stays', async () => {
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

test('spool: files written piece by piece under one name at the same time do not mix', async () => {
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

test('spool: a file that cannot be written is refused and leaves nothing', async () => {
  await inSpool(async (spool, folder) => {
    await spool.keep('s1', bytesOf(1))
    const [file = ''] = readdirSync(folder)
    rmSync(join(folder, file))
    mkdirSync(join(folder, file, 'in the way'), { recursive: true })
    expect(await failureOf(spool.keep('s1', bytesOf(10)))).toMatchObject({ code: 'store_failed' })
    expect(readdirSync(folder)).toEqual([file])
  })
})

test('spool: a place where no folder can be is named', async () => {
  await inFolder(async folder => {
    writeFileSync(join(folder, 'file'), '')
    const open = async () => openSpool({ folder: join(folder, 'file', 'spool') })
    expect(await failureOf(open())).toMatchObject({ code: 'state_folder' })
  })
})

test('spool: sweeping removes old files that nobody needs, by their names', async () => {
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

test('spool: a file that is kept anew while it is asked about stays', async () => {
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

test('spool: sweeping removes what a crash has left half written, and leaves alone what is not ours', async () => {
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

test('spool: nothing is removed when it cannot be known who needs it', async () => {
  await inSpool(async (spool, folder) => {
    await spool.keep('s1', bytesOf(3))
    age(folder)
    const isNeeded = () => Promise.reject(new Error('the store is down'))
    expect(await failureOf(spool.sweep(isNeeded, since))).toMatchObject({ message: 'the store is down' })
    expect(readdirSync(folder)).toHaveLength(1)
  })
})

/** A media root with a file, and a secret beside it. */
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

test('spool: a file under a media root is read, through a link that stays there too', async () => {
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

test('spool: what is not under a media root is refused, whichever way leads there and whether it exists or not', async () => {
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

test('spool: without media roots no path is read, and with the whole file system as a root every one', async () => {
  await withRoot(async ({ file }) => {
    await inFolder(async folder => {
      expect(await failureOf(openSpool({ folder }).borrow(file))).toMatchObject(outside)
      expect((await openSpool({ folder, roots: ['/'] }).borrow(file)).length).toBe(readFileSync(file).length)
    })
  })
})

test('spool: only a regular file of at most 20 MiB is read, and a pipe keeps nobody waiting', async () => {
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

test('spool: what would be more than its quota is refused, and there is room again when something was removed', async () => {
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
