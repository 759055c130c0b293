import { test } from 'bun:test'

/** A test that needs zsh; `bun run test` sets the variable where zsh is missing and can't be installed. */
export const zshTest = test.skipIf(process.env.WECOMD_SKIP_ZSH === '1')
