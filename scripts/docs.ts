import { markdownOf } from '../src/config/reference.ts'
import { schema } from '../src/config/schema.ts'

// Writes docs/config.md from the schema; with --check only tells whether it is up to date.
const file = new URL('../docs/config.md', import.meta.url)
const wanted = markdownOf(schema)
if (!process.argv.includes('--check')) {
  await Bun.write(file, wanted)
} else if (
  (await Bun.file(file)
    .text()
    .catch(() => '')) !== wanted
) {
  console.error('docs/config.md differs from the schema; write it again with: bun run docs')
  process.exit(1)
}
