import type { Flags } from './command.ts'

/** Flags of every command that asks the running daemon. */
export const daemonFlags = {
  url: {
    type: 'string',
    value: 'URL',
    about: {
      en: 'private listener of the daemon (default: admin.host and admin.port of the config)',
      'zh-CN': '守护进程的管理地址（默认取配置中的 admin.host 和 admin.port）',
    },
  },
  'token-file': {
    type: 'string',
    value: 'FILE',
    about: {
      en: 'file with the admin token (default: $WECOMD_ADMIN_TOKEN, admin.token, or admin-token in the state folder)',
      'zh-CN': '存放管理令牌的文件（默认依次取 $WECOMD_ADMIN_TOKEN、admin.token、状态目录中的 admin-token）',
    },
  },
} as const satisfies Flags
