import type { Commands } from './command.ts'

/** The program itself. */
export const programCommands = {
  completion: {
    summary: { en: 'print a completion script for bash or zsh', 'zh-CN': '输出 bash 或 zsh 的命令补全脚本' },
    flags: {},
    positionals: {
      shell: { choices: ['bash', 'zsh'], about: { en: 'bash or zsh', 'zh-CN': 'bash 或 zsh' } },
    },
    example: 'bash > /etc/bash_completion.d/wecomd',
    docs: 'docs/cli.md',
  },
  version: {
    summary: { en: 'print version, commit, Bun version and target', 'zh-CN': '输出版本、提交、Bun 版本和平台' },
    flags: {},
    positionals: {},
    example: '--json',
    docs: 'docs/cli.md',
  },
} as const satisfies Commands
