import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { headCommit, numbersOf } from '../scripts/commit.ts'
import { mutants } from '../scripts/mutants-list.ts'

/** `bun run soak mutants` plants them all. */
const numbers = numbersOf(headCommit(), 3, mutants.length)

test('mutants: three planted defects, chosen by the commit, are caught', async () => {
  const script = join(import.meta.dir, '../scripts/mutants.ts')
  const command = [process.execPath, script, '--no-baseline', ...numbers.map(String)]
  const child = Bun.spawn(command, { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  console.log(out)
  expect(code, out + err).toBe(0)
}, 600_000)
