import { chmodSync, constants, mkdirSync, readdirSync, statSync } from 'node:fs'
import { type FileHandle, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, sep } from 'node:path'
import type { MediaSource } from '../domain/delivery.ts'
import { limits } from '../domain/limits.ts'
import type { MediaBytes, Spool, SpoolWriter } from '../domain/spool.ts'
import { messageOf, WecomdError } from '../errors.ts'

const pieceBytes = 64 * 1024
/** Retry-After for a request that finds the spool full. */
const fullRetryMs = 30_000
/** In bytes. A name is stored as hex, and a file name can have 255 characters. */
const longestName = 120

/** Everything but the folder may change while the spool is open, so pass getters. */
export interface SpoolOptions {
  /** Used by this process alone. Created if it doesn't exist, and made private (0700). */
  readonly folder: string
  /** The folders that `borrow` may read from (`admin.mediaRoots`). Default: none. */
  readonly roots?: readonly string[]
  /** The limit for all files together. A write that would exceed it is refused with `overloaded`. */
  readonly quotaBytes?: number
}

/**
 * Opens the media spool: files in a private folder.
 *
 * A file is written under a draft name, fsynced and then renamed. So a name always leads to a complete file, the old
 * one or the new one, also after a power cut. Drafts that a crash left behind are removed by `sweep`.
 *
 * Throws `state_folder` if the folder can't be used.
 */
export function openSpool(options: SpoolOptions): Spool {
  const { folder } = options
  makePrivate(folder)
  const quota = new Quota(options)
  const pathOf = (name: string) => join(folder, encodeName(name))
  let drafts = 0
  const create = async (name: string) => {
    const path = pathOf(name)
    return await openDraft({ folder, path, nextName: () => `${path}.${++drafts}.part`, quota }).catch(failWrite)
  }
  return {
    async keep(name, bytes) {
      const writer = await create(name)
      await writer.write(bytes)
      await writer.finish()
    },
    create,
    usage: () => ({ bytes: quota.bytes, quotaBytes: options.quotaBytes ?? Infinity }),
    async remove(name) {
      const { size } = await stat(pathOf(name)).catch(() => ({ size: 0 }))
      await rm(pathOf(name), { force: true })
      quota.release(size)
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

/** Hex: no name can lead out of the folder, and names stay different on file systems that ignore case. */
function encodeName(name: string): string {
  const bytes = Buffer.from(name)
  if (bytes.length === 0 || bytes.length > longestName) throw new Error('a spool name must have 1 to 120 bytes')
  return bytes.toString('hex')
}

/** A file that was being written, maybe by a process that crashed. */
const draft = Symbol('draft')

function decodeName(file: string): string | typeof draft | undefined {
  const [, hex, part] = /^((?:[0-9a-f]{2})+)(\.\d+\.part)?$/.exec(file) ?? []
  if (hex === undefined) return undefined
  return part === undefined ? Buffer.from(hex, 'hex').toString() : draft
}

/** The bytes in the folder. Counted with each write and removal, and measured again by each sweep. */
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

  get bytes(): number {
    return this.used
  }

  reserve(bytes: number): void {
    if (this.used + bytes > (this.options.quotaBytes ?? Infinity)) {
      throw new WecomdError('overloaded', 'the media spool is full', {
        hint: 'see in `wecomd status` which messages are waiting, or raise media.maxBytes',
        retryAfterMs: fullRetryMs,
      })
    }
    this.used += bytes
  }

  release(bytes: number): void {
    this.used -= bytes
  }
}

interface Draft {
  readonly folder: string
  readonly path: string
  readonly nextName: () => string
  readonly quota: Quota
}

/** Creates a draft with an unused name. A crashed process may have left drafts with the first numbers. */
async function openNew(nextName: () => string): Promise<{ file: FileHandle; draftPath: string }> {
  for (;;) {
    const draftPath = nextName()
    try {
      return { file: await open(draftPath, 'wx', 0o600), draftPath }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
  }
}

/** Starts a draft. A write that fails removes it and gives its bytes back to the quota. */
async function openDraft({ folder, path, nextName, quota }: Draft): Promise<SpoolWriter> {
  const { file, draftPath } = await openNew(nextName)
  let isOpen = true
  let written = 0
  const abandon = async () => {
    if (!isOpen) return
    isOpen = false
    await file.close()
    await rm(draftPath, { force: true })
    quota.release(written)
  }
  const orAbandon = async (work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      await abandon().catch(() => {}) // the sweep removes it
      failWrite(error)
    }
  }
  return {
    abandon,
    write: piece =>
      orAbandon(async () => {
        quota.reserve(piece.length)
        for (let rest = piece; rest.length > 0; ) {
          const { bytesWritten } = await file.write(rest, 0, rest.length, written)
          written += bytesWritten
          rest = rest.subarray(bytesWritten)
        }
      }),
    finish: () =>
      orAbandon(async () => {
        await file.sync()
        await rename(draftPath, path)
        isOpen = false
        await file.close()
        await syncFolder(folder)
      }),
  }
}

function failWrite(cause: unknown): never {
  if (cause instanceof WecomdError) throw cause
  throw new WecomdError('store_failed', `a file could not be written to the media spool: ${messageOf(cause)}`, {
    hint: 'check the free disk space and the permissions of the state folder',
    cause,
  })
}

/** Without this, a renamed file can be missing after a power cut. */
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
      return { bytes: bytes.length, open: () => single(bytes) }
    }
    case 'spool': {
      const path = pathOf(source.file)
      const { size } = await stat(path).catch(failRead)
      return { bytes: size, open: () => piecesOf(path) }
    }
    default:
      return source satisfies never
  }
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function* piecesOf(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path).catch(failRead)
  for (;;) {
    const { buffer, bytesRead } = await file.read(new Uint8Array(pieceBytes), 0, pieceBytes)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}

function failRead(cause: unknown): never {
  const isGone = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
  if (isGone) throw new WecomdError('not_found', 'the file is no longer in the media spool', { cause })
  throw new WecomdError('store_failed', `the media spool cannot be read: ${messageOf(cause)}`, { cause })
}

/**
 * Reads a file by its path, for scripts. A missing file gets the same error as one outside the roots, so that the error
 * doesn't reveal which files exist.
 */
async function readUnder(roots: readonly string[], path: string): Promise<Uint8Array> {
  const real = await realpath(path).catch(() => undefined)
  const folders = await Promise.all(roots.map(root => realpath(root).catch(() => undefined)))
  if (real === undefined || !folders.some(folder => folder !== undefined && isInside(folder, real))) {
    throw mediaRefused(path, 'is not under admin.mediaRoots', 'use a file in one of these folders')
  }
  // O_NONBLOCK: opening a pipe would wait for its writer. O_NOFOLLOW: the path may have become a link after realpath.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  try {
    await using file = await open(real, flags)
    return await readRegular(file, path)
  } catch (error) {
    throw error instanceof WecomdError ? error : mediaRefused(path, 'cannot be read', messageOf(error))
  }
}

function isInside(folder: string, path: string): boolean {
  const inner = relative(folder, path)
  return inner !== '' && inner !== '..' && !inner.startsWith(`..${sep}`) && !isAbsolute(inner)
}

async function readRegular(file: FileHandle, path: string): Promise<Uint8Array> {
  const found = await file.stat()
  if (!found.isFile()) throw mediaRefused(path, 'is not a regular file')
  if (found.size > limits.mediaBytes.file)
    throw mediaRefused(path, 'is larger than 20 MiB', 'WeCom does not accept larger files')
  return new Uint8Array(await file.readFile())
}

function mediaRefused(path: string, reason: string, hint?: string): WecomdError {
  return new WecomdError('bad_message', `${path} ${reason}`, hint === undefined ? {} : { hint })
}
