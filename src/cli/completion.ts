import { bashCompletion } from './completion/bash.ts'
import { vocabularyOf } from './completion/vocabulary.ts'
import { zshCompletion } from './completion/zsh.ts'
import { exitCodes } from './exit-codes.ts'
import type { Call } from './table/commands.ts'
import type { Terminal } from './terminal.ts'

/** `wecomd completion bash|zsh`: a script for the shell to source. */
export async function completion(
  { values, positionals: { shell } }: Call<'completion'>,
  { out, language }: Pick<Terminal, 'out' | 'language'>,
): Promise<number> {
  const scripts = { bash: bashCompletion, zsh: zshCompletion }
  const script = scripts[shell](vocabularyOf(language))
  out(values.json ? JSON.stringify({ shell, script }) : script)
  return exitCodes.ok
}
