import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Report } from './batch.ts'

const batch = join(import.meta.dir, 'batch.ts')

/** Plays `count` runs from the seed `from` on, in as many processes as there are processors, each with its share. */
export async function playAll(from: number, count: number): Promise<readonly Report[]> {
  const shares = Math.min(availableParallelism(), 8)
  const reports = Array.from({ length: shares }, (_, share) => {
    const own = Math.floor((count + shares - 1 - share) / shares)
    return runBatch([from + share, own, shares])
  })
  return (await Promise.all(reports)).map(text => JSON.parse(text) as Report) // printed by `batch.ts`
}

/** What `batch.ts` prints for these arguments. */
export async function runBatch(args: readonly number[]): Promise<string> {
  const child = Bun.spawn([process.execPath, batch, ...args.map(String)], { stdin: 'ignore', stderr: 'pipe' })
  const [out, complaints, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (code !== 0) throw new Error(`the simulation of ${args.join()} ended with ${code}\n${complaints}`)
  return out
}
