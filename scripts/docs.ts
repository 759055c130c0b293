import { markdownOf } from '../src/config/reference.ts'
import { schema } from '../src/config/schema.ts'
import { markdownOfCommands } from './cli-page.ts'

// Writes the generated pages; with --check only reports whether they are up to date.
const pages = [
  { name: 'docs/config.md', text: markdownOf(schema), source: 'the schema' },
  { name: 'docs/cli.md', text: markdownOfCommands(), source: 'the table of commands' },
]

for (const { name, text, source } of pages) {
  const file = Bun.file(new URL(`../${name}`, import.meta.url))
  if (!process.argv.includes('--check')) {
    await Bun.write(file, text)
  } else if ((await file.text().catch(() => '')) !== text) {
    console.error(`${name} differs from ${source}; write it again with: bun run docs`)
    process.exitCode = 1
  }
}
