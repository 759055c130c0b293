import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** What a test file may need besides Bun, with the module that a file imports, itself or through others, when it does. */
const modules = {
  binary: 'test/scenarios/binary.ts',
  openclaw: 'scripts/openclaw.ts',
  chromium: 'test/page/browser.ts',
  zsh: 'test/cli/zsh.ts',
} as const

export type Need = keyof typeof modules

const transpiler = new Bun.Transpiler({ loader: 'ts' })

/** The needs of test files, by what they import while they run; an `import type` needs nothing. */
export async function needsOf(root: string, files: readonly string[]): Promise<ReadonlySet<Need>> {
  const reached = new Set(files)
  for (const file of reached) {
    if (!file.endsWith('.ts')) continue
    for (const { path } of transpiler.scanImports(await Bun.file(join(root, file)).text())) {
      const target = normalize(join(dirname(file), path))
      if (path.startsWith('.') && existsSync(join(root, target))) reached.add(target)
    }
  }
  const needs = Object.entries(modules).filter(([, module]) => reached.has(module))
  return new Set(needs.map(([need]) => need as Need)) // the keys of `modules`
}
