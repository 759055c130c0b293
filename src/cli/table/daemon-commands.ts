import type { Commands } from './command.ts'
import { daemonFlags } from './flags.ts'

/** The daemon and how it does. */
export const daemonCommands = {
  run: {
    summary: { en: 'run the daemon', 'zh-CN': '运行守护进程' },
    details: {
      en: 'Runs in the foreground until SIGTERM or SIGINT. The config is reloaded when the file changes and on SIGHUP. With --json the log is JSON lines on a terminal too.',
      'zh-CN':
        '在前台运行，收到 SIGTERM 或 SIGINT 时停止。配置文件有改动或收到 SIGHUP 时会重新载入。加 --json 时，终端上的日志也是 JSON 行。',
    },
    flags: {},
    positionals: {},
    example: '--config /etc/wecomd/wecomd.json5',
    docs: 'docs/operation.md',
    isLasting: true,
  },
  status: {
    summary: { en: 'show how the running daemon is doing', 'zh-CN': '查看守护进程的运行状态' },
    details: {
      en: 'Shows the gateway link, the accounts, open turns and messages waiting to be sent. Exits with 1 when the daemon is not ready.',
      'zh-CN': '显示网关连接、各账号、进行中的问答和待发送的消息。守护进程未就绪时退出码为 1。',
    },
    flags: daemonFlags,
    positionals: {},
    example: '--json',
    docs: 'docs/operation.md',
    printsTimes: true,
  },
} as const satisfies Commands
