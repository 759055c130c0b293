import { openSync, writeSync } from 'node:fs'
import { isCode } from '../../src/errors.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { nextDeadline } from '../../src/core/streaming/deadlines.ts'
import { amend, replyOf, keyOf, turnOf } from './given.ts'

const parallel = 24

/** The text of a turn in the crash tests. Every 50th is long enough to fill several pages. */
export function textOf(msgid: string, version: number): string {
  const serial = Number(msgid.split('-').at(-1))
  return `${msgid} v${version} ${'长'.repeat(serial % 50 === 0 ? 6_000 : 60)}`
}

/** Starts a process that opens `file`. Its first line is `open`, `store_locked …` or `failed …`. */
export function spawnHolder(file: string) {
  return Bun.spawn([process.execPath, import.meta.path, 'hold', file], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
}

/**
 * Starts a process that writes turns as fast as it can. After each acknowledged write it appends `<msgid> <version>` to
 * the file `acknowledged` and prints a dot.
 */
export function spawnWriter(file: string, acknowledged: string, prefix: string) {
  const args = [process.execPath, import.meta.path, 'write', file, acknowledged, prefix]
  return Bun.spawn(args, { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' })
}

function open(file: string) {
  return openSqliteStore({ file, pid: process.pid, dueAtOf: nextDeadline })
}

function hold(file: string): void {
  try {
    // Without this reference the store would be collected, and its lock with it.
    const store = open(file)
    process.stdout.write('open\n')
    process.stdin.on('end', () => void store.close()).resume()
  } catch (error) {
    process.stdout.write(`${isCode(error, 'store_locked') ? 'store_locked' : 'failed'} ${String(error)}\n`)
  }
}

async function writeForever(file: string, acknowledged: string, prefix: string): Promise<void> {
  const store = open(file)
  const log = openSync(acknowledged, 'a')
  let serial = 0
  const note = (msgid: string, version: number) => {
    writeSync(log, `${msgid} ${version}\n`)
    process.stdout.write('.')
  }
  const writeOne = async () => {
    const msgid = `${prefix}-${serial++}`
    const turn = turnOf(msgid, { sender: `user${serial % 7}`, text: textOf(msgid, 1) })
    await store.open(keyOf(turn), () => ({ save: [turn], add: [replyOf(turn)] }))
    note(msgid, 1)
    await amend(store, turn.id, { text: textOf(msgid, 2), state: 'asking', question: 'q' })
    note(msgid, 2)
  }
  const writeOn = async (): Promise<never> => {
    for (;;) await writeOne()
  }
  await Promise.all(Array.from({ length: parallel }, writeOn))
}

if (import.meta.main) {
  const [task, file = '', acknowledged = '', prefix = ''] = process.argv.slice(2)
  if (task === 'hold') hold(file)
  else await writeForever(file, acknowledged, prefix)
}
