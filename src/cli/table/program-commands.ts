import type { Commands } from './command.ts'

/** The program itself. */
export const programCommands = {
  version: {
    summary: { en: 'print version, commit, Bun version and target', 'zh-CN': '输出版本、提交、Bun 版本和平台' },
    flags: {},
    positionals: {},
    example: '--json',
    docs: 'docs/cli.md',
  },
} as const satisfies Commands
