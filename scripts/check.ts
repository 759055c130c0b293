/** `bun run check`: format, lint, types, dead code and generated documents; each tool's result on a line. */
import { existsSync } from 'node:fs'
import { join, normalize } from 'node:path'

const root = normalize(join(import.meta.dir, '..'))

interface Tool {
  readonly name: string
  /** Arguments for Bun, which runs the tools' own launchers: no Node is needed. */
  readonly args: readonly string[]
}

const bin = (name: string) => join(root, 'node_modules/.bin', name)
const docs = join(root, 'scripts/docs.ts')

const tools: readonly Tool[] = [
  { name: 'format', args: [bin('biome'), 'format', '.'] },
  { name: 'lint', args: [bin('oxlint'), '--type-aware'] },
  { name: 'types', args: [bin('tsc'), '--noEmit'] },
  { name: 'dead code', args: [bin('knip')] },
  ...(existsSync(docs) ? [{ name: 'docs', args: [docs, '--check'] }] : []),
]

async function runTool(tool: Tool): Promise<boolean> {
  const start = performance.now()
  const child = Bun.spawn([process.execPath, ...tool.args], {
    cwd: root,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  const took = ((performance.now() - start) / 1000).toFixed(1)
  if (code !== 0) console.log(`${out}${err}`.trimEnd())
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${tool.name} (${took} s)`)
  return code === 0
}

if (!existsSync(bin('biome'))) throw new Error('the tools are not installed: run `bun install` first')
const passed: boolean[] = []
for (const tool of tools) passed.push(await runTool(tool))
process.exitCode = passed.every(Boolean) ? 0 : 1
