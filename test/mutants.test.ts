import { expect, test } from 'bun:test'
import { join } from 'node:path'

test('mutants: every defect that is planted is caught', async () => {
  const script = join(import.meta.dir, '../scripts/mutants.ts')
  const child = Bun.spawn([process.execPath, script], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  console.log(out)
  expect(code, out + err).toBe(0)
}, 600_000)
