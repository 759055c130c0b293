import type { Commands } from './command.ts'

/** What a newcomer begins with. */
export const startCommands = {
  demo: {
    summary: {
      en: 'try everything on this machine, no accounts needed',
      'zh-CN': '在本机试用全部功能，不需要任何账号',
    },
    details: {
      en: 'Starts the daemon, a simulated WeCom with a Bot, an app and a group robot, an agent that echoes, and a web page that plays the WeCom client. All data is deleted when it stops.',
      'zh-CN':
        '启动守护进程、模拟的企业微信（含智能机器人、自建应用和群机器人）、会复述消息的智能体，以及模拟企业微信客户端的网页。停止后所有数据都会删除。',
    },
    flags: {
      port: {
        type: 'string',
        value: 'PORT',
        about: {
          en: 'port of the page (default: 8790; 0: any free port)',
          'zh-CN': '网页的端口（默认 8790；0 表示任选空闲端口）',
        },
      },
      gateway: {
        type: 'string',
        value: 'URL',
        about: {
          en: 'use a real OpenClaw gateway instead of the echo agent, such as ws://127.0.0.1:18789',
          'zh-CN': '改用真实的 OpenClaw 网关，例如 ws://127.0.0.1:18789',
        },
      },
      token: { type: 'string', value: 'TOKEN', about: { en: 'token of that gateway', 'zh-CN': '该网关的令牌' } },
    },
    positionals: {},
    example: '--port 8080',
    docs: 'docs/cli.md',
    isLasting: true,
  },
} as const satisfies Commands
