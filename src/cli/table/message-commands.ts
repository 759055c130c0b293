import type { Commands } from './command.ts'
import { daemonFlags } from './flags.ts'

const deliveryId = { about: { en: 'id as printed by `wecomd dead list`', 'zh-CN': '`wecomd dead list` 列出的 ID' } }

/** Single messages: sending one, following one, and those that could not be delivered. */
export const messageCommands = {
  send: {
    summary: { en: 'send a message through the running daemon', 'zh-CN': '通过守护进程发送消息' },
    details: {
      en: 'Prints the id of the delivery. With --wait it also prints the outcome, and exits with 1 when the message did not arrive in time.',
      'zh-CN': '输出这次投递的 ID。加 --wait 会等待并输出结果，未能按时送达时退出码为 1。',
    },
    flags: {
      to: {
        type: 'string',
        value: 'TARGET',
        required: true,
        about: {
          en: 'user:ID (several: user:A|B), party:ID, tag:ID, tag:NAME, group:CHATID, webhook:NAME; @ACCOUNT may follow',
          'zh-CN':
            'user:成员ID（多人写作 user:A|B）、party:部门ID、tag:标签ID或名称、group:群ID、webhook:群机器人名称；末尾可加 @账号',
        },
      },
      text: {
        type: 'string',
        value: 'TEXT',
        about: { en: 'plain text; - reads standard input', 'zh-CN': '纯文本；- 表示从标准输入读取' },
      },
      markdown: {
        type: 'string',
        value: 'TEXT',
        about: { en: 'markdown; - reads standard input', 'zh-CN': 'Markdown 文本；- 表示从标准输入读取' },
      },
      card: {
        type: 'string',
        value: 'FILE',
        about: { en: 'template card, a JSON file', 'zh-CN': '模板卡片（JSON 文件）' },
      },
      file: {
        type: 'string',
        value: 'FILE',
        about: {
          en: 'any file; pictures, AMR and MP4 are sent as picture, voice and video where WeCom accepts them',
          'zh-CN': '任意文件；图片、AMR、MP4 在企业微信允许时按图片、语音、视频发送',
        },
      },
      account: {
        type: 'string',
        value: 'ACCOUNT',
        about: { en: 'account to send with', 'zh-CN': '用哪个账号发送' },
      },
      key: {
        type: 'string',
        value: 'KEY',
        about: {
          en: 'idempotency key: a message with the same key is sent only once',
          'zh-CN': '幂等键：相同的键只发送一次',
        },
      },
      wait: { type: 'boolean', about: { en: 'wait for the outcome', 'zh-CN': '等待投递结果' } },
      timeout: {
        type: 'string',
        value: 'SECONDS',
        about: { en: 'how long --wait waits (default: 60)', 'zh-CN': '--wait 最多等多少秒（默认 60）' },
      },
      ...daemonFlags,
    },
    positionals: {},
    synopsis: '--to TARGET (--text TEXT | --markdown TEXT | --card FILE | --file FILE) [--wait]',
    example: '--to user:zhangsan --text "你好" --wait',
    docs: 'docs/operation.md',
    printsTimes: true,
  },
  trace: {
    summary: { en: 'show everything that happened to one message', 'zh-CN': '查看一条消息的完整经过' },
    details: {
      en: 'Without an ID it lists the last 20 messages and their short ids.',
      'zh-CN': '不带 ID 时列出最近 20 条消息及其短 ID。',
    },
    flags: {
      failed: { type: 'boolean', about: { en: 'list those that failed', 'zh-CN': '只列出失败的消息' } },
      user: { type: 'string', value: 'USER', about: { en: 'list those of a user', 'zh-CN': '只列出某个成员的消息' } },
      ...daemonFlags,
    },
    positionals: {
      id: {
        about: {
          en: 'short id, msgid, turn id, delivery id, or the first 6 characters of one; idempotency key; last',
          'zh-CN': '短 ID、msgid、问答 ID、投递 ID（或其前 6 位以上），幂等键，或 last（最新一条）',
        },
        optional: true,
      },
    },
    synopsis: '[ID | last] [--failed] [--user USER]',
    example: 'last',
    docs: 'docs/operation.md',
    printsTimes: true,
  },
  dead: {
    summary: { en: 'handle messages that could not be delivered', 'zh-CN': '处理投递失败的消息（死信）' },
    fallback: 'list',
    subcommands: {
      list: {
        summary: { en: 'list messages that could not be delivered', 'zh-CN': '列出投递失败的消息（死信）' },
        flags: daemonFlags,
        positionals: {},
        example: '--json',
        docs: 'docs/operation.md',
        printsTimes: true,
      },
      retry: {
        summary: { en: 'deliver a dead letter again', 'zh-CN': '重新投递一条死信' },
        flags: daemonFlags,
        positionals: { id: deliveryId },
        example: 'send_9f2c04',
        docs: 'docs/operation.md',
      },
      drop: {
        summary: { en: 'remove a dead letter from the list', 'zh-CN': '放弃一条死信，从列表中移除' },
        flags: daemonFlags,
        positionals: { id: deliveryId },
        example: 'send_9f2c04',
        docs: 'docs/operation.md',
      },
    },
    example: 'list',
    docs: 'docs/operation.md',
  },
  explain: {
    summary: {
      en: 'show what would happen to a message and which rule decides',
      'zh-CN': '预演一条消息会如何处理、由哪条规则决定',
    },
    details: {
      en: 'Reads the config file only. Nothing is sent, asked or stored.',
      'zh-CN': '只读取配置文件，不发送、不提问、不保存任何内容。',
    },
    flags: {
      user: { type: 'string', value: 'USER', required: true, about: { en: 'sender', 'zh-CN': '发送者的 userid' } },
      text: { type: 'string', value: 'TEXT', required: true, about: { en: 'message', 'zh-CN': '消息内容' } },
      chat: {
        type: 'string',
        value: 'CHAT',
        about: { en: 'group chat it is written in (default: a direct chat)', 'zh-CN': '所在群聊的 ID（默认为单聊）' },
      },
      account: {
        type: 'string',
        value: 'ACCOUNT',
        about: {
          en: 'account that receives it (default: the default account)',
          'zh-CN': '接收消息的账号（默认为默认账号）',
        },
      },
      mode: {
        type: 'string',
        value: 'bot|agent',
        choices: ['bot', 'agent'],
        about: {
          en: 'its Bot or its self-built app (default: the Bot where there is one)',
          'zh-CN': '该账号的智能机器人（bot）或自建应用（agent），默认为机器人',
        },
      },
    },
    positionals: {},
    example: '--user zhangsan --text /new',
    docs: 'docs/operation.md',
  },
} as const satisfies Commands
