import { chmodSync, constants, mkdirSync, readdirSync, statSync } from 'node:fs'
import { type FileHandle, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, sep } from 'node:path'
import type { MediaSource } from '../domain/delivery.ts'
import { limits } from '../domain/limits.ts'
import type { MediaBytes, Spool, SpoolWriter } from '../domain/spool.ts'
import { messageOf, WecomdError } from '../errors.ts'

const pieceBytes = 64 * 1024
/** How long whoever finds the spool full should wait. */
const fullRetryMs = 30_000
/** Two digits a byte, and a file name has room for 255. */
const longestName = 120

/** All but the folder may change while the spool is open. */
export interface SpoolOptions {
  /** Belongs to this process alone. */
  readonly folder: string
  /** Folders from which a file may be sent by its path. */
  readonly roots?: readonly string[]
  /** The most that may lie in the folder; what would be more is refused with `overloaded`. */
  readonly quotaBytes?: number
}

/** Files in a folder of our own. What is kept is on the disk when the call resolves, whole or not at all. */
export function openSpool(options: SpoolOptions): Spool {
  const { folder } = options
  makePrivate(folder)
  const quota = new Quota(options)
  const pathOf = (name: string) => join(folder, encodeName(name))
  let drafts = 0
  const create = async (name: string) => {
    const path = pathOf(name)
    return await openDraft({ folder, path, nextName: () => `${path}.${++drafts}.part`, quota }).catch(unkept)
  }
  return {
    async keep(name, bytes) {
      const writer = await create(name)
      await writer.write(bytes)
      await writer.finish()
    },
    create,
    async remove(name) {
      const { size } = await stat(pathOf(name)).catch(() => ({ size: 0 }))
      await rm(pathOf(name), { force: true })
      quota.give(size)
    },
    open: source => openSource(source, pathOf),
    borrow: path => readUnder(options.roots ?? [], path),
    async sweep(isNeeded, olderThan) {
      let removed = 0
      for (const file of await readdir(folder)) {
        const name = decodeName(file)
        if (name === undefined || (name !== draft && (await isNeeded(name)))) continue
        if (await removeOlder(join(folder, file), olderThan)) removed++
      }
      quota.measure()
      return removed
    },
  }
}

function makePrivate(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
  } catch (cause) {
    throw new WecomdError('state_folder', `cannot use the media spool ${folder}: ${messageOf(cause)}`, { cause })
  }
}

/** A name as the name of a file: nothing in it can lead out of the folder, and case is not needed to tell two apart. */
function encodeName(name: string): string {
  const bytes = Buffer.from(name)
  if (bytes.length === 0 || bytes.length > longestName) throw new Error('a name of the spool is empty or too long')
  return bytes.toString('hex')
}

/** What a crash left of a file that was being written. */
const draft = Symbol('draft')

function decodeName(file: string): string | typeof draft | undefined {
  const [, hex, part] = /^((?:[0-9a-f]{2})+)(\.\d+\.part)?$/.exec(file) ?? []
  if (hex === undefined) return undefined
  return part === undefined ? Buffer.from(hex, 'hex').toString() : draft
}

/** What lies in the folder: counted as it is written and removed, and measured anew with each sweep. */
class Quota {
  private used = 0
  private readonly options: SpoolOptions

  constructor(options: SpoolOptions) {
    this.options = options
    this.measure()
  }

  measure(): void {
    const { folder } = this.options
    const sizes = readdirSync(folder).map(file => statSync(join(folder, file), { throwIfNoEntry: false })?.size)
    this.used = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)
  }

  take(bytes: number): void {
    if (this.used + bytes > (this.options.quotaBytes ?? Infinity)) {
      throw new WecomdError('overloaded', 'the media spool is full', {
        hint: 'see in `wecomd status` what waits to be sent, or raise media.maxBytes',
        retryAfterMs: fullRetryMs,
      })
    }
    this.used += bytes
  }

  give(bytes: number): void {
    this.used -= bytes
  }
}

interface Draft {
  readonly folder: string
  readonly path: string
  readonly nextName: () => string
  readonly quota: Quota
}

/** A process that was killed has left drafts, and had counted from one as well. */
async function openNew(nextName: () => string): Promise<{ file: FileHandle; under: string }> {
  for (;;) {
    const under = nextName()
    try {
      return { file: await open(under, 'wx', 0o600), under }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
  }
}

/** Writes under a name of its own; whoever fails leaves nothing, and can do nothing more. */
async function openDraft({ folder, path, nextName, quota }: Draft): Promise<SpoolWriter> {
  const { file, under } = await openNew(nextName)
  let isOpen = true
  let at = 0
  const abandon = async () => {
    if (!isOpen) return
    isOpen = false
    await file.close()
    await rm(under, { force: true })
    quota.give(at)
  }
  const orNothing = async (work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      await abandon().catch(() => {}) // the sweep removes it
      unkept(error)
    }
  }
  return {
    abandon,
    write: piece =>
      orNothing(async () => {
        quota.take(piece.length)
        for (let rest = piece; rest.length > 0; ) {
          const { bytesWritten } = await file.write(rest, 0, rest.length, at)
          at += bytesWritten
          rest = rest.subarray(bytesWritten)
        }
      }),
    finish: () =>
      orNothing(async () => {
        await file.sync()
        await rename(under, path)
        isOpen = false
        await file.close()
        await syncFolder(folder)
      }),
  }
}

function unkept(cause: unknown): never {
  if (cause instanceof WecomdError) throw cause
  throw new WecomdError('store_failed', `a file could not be kept in the media spool: ${messageOf(cause)}`, {
    hint: 'look at free disk space and at the permissions of the state folder',
    cause,
  })
}

/** So that a new name in it survives a power cut. */
async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder)
  await handle.sync()
}

async function removeOlder(path: string, than: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined || found.mtimeMs >= than) return false
  await rm(path, { force: true })
  return true
}

async function openSource(source: MediaSource, pathOf: (name: string) => string): Promise<MediaBytes> {
  switch (source.kind) {
    case 'text': {
      const bytes = Buffer.from(source.content)
      return { bytes: bytes.length, open: () => once(bytes) }
    }
    case 'spool': {
      const path = pathOf(source.file)
      const { size } = await stat(path).catch(gone)
      return { bytes: size, open: () => piecesOf(path) }
    }
    default:
      return source satisfies never
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function* piecesOf(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path).catch(gone)
  for (;;) {
    const { buffer, bytesRead } = await file.read(new Uint8Array(pieceBytes), 0, pieceBytes)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}

function gone(cause: unknown): never {
  const isGone = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
  if (isGone) throw new WecomdError('not_found', 'a file of the media spool is gone', { cause })
  throw new WecomdError('store_failed', `the media spool cannot be read: ${messageOf(cause)}`, { cause })
}

/** What is not there is refused like what is elsewhere, so that nobody learns what lies outside the roots. */
async function readUnder(roots: readonly string[], path: string): Promise<Uint8Array> {
  const real = await realpath(path).catch(() => undefined)
  const folders = await Promise.all(roots.map(root => realpath(root).catch(() => undefined)))
  if (real === undefined || !folders.some(folder => folder !== undefined && isInside(folder, real))) {
    throw refused(path, 'is not under admin.mediaRoots', 'name a file that lies in one of these folders')
  }
  // Non-blocking, since a pipe would wait for its writer; no link, since the path was real a moment ago.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  try {
    await using file = await open(real, flags)
    return await readRegular(file, path)
  } catch (error) {
    throw error instanceof WecomdError ? error : refused(path, 'cannot be read', messageOf(error))
  }
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

async function readRegular(file: FileHandle, path: string): Promise<Uint8Array> {
  const found = await file.stat()
  if (!found.isFile()) throw refused(path, 'is not a regular file')
  if (found.size > limits.mediaBytes.file) throw refused(path, 'is larger than 20 MiB', 'WeCom takes no larger files')
  return new Uint8Array(await file.readFile())
}

function refused(path: string, what: string, hint?: string): WecomdError {
  return new WecomdError('bad_message', `${path} ${what}`, hint === undefined ? {} : { hint })
}
