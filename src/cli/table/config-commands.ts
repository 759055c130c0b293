import type { Commands } from './command.ts'

/** The config file. */
export const configCommands = {
  check: {
    summary: { en: 'validate the config file offline', 'zh-CN': '离线检查配置文件' },
    details: {
      en: 'Lists every problem at once. Exits with 3 when the daemon would refuse the file, with 0 when there are only warnings.',
      'zh-CN': '一次列出所有问题。守护进程会拒绝该文件时退出码为 3，只有警告时为 0。',
    },
    flags: {},
    positionals: {},
    example: '--config wecomd.json5',
    docs: 'docs/config.md',
  },
  config: {
    summary: {
      en: 'print an example config, its schema, or one value',
      'zh-CN': '输出配置示例、JSON Schema 或某一项的值',
    },
    subcommands: {
      example: {
        summary: { en: 'print a commented config file to start from', 'zh-CN': '输出带注释的配置示例' },
        flags: {},
        positionals: {},
        example: '> wecomd.json5',
        docs: 'docs/config.md',
      },
      schema: {
        summary: {
          en: 'print a JSON Schema of the config file, for editors',
          'zh-CN': '输出配置文件的 JSON Schema，供编辑器使用',
        },
        flags: {},
        positionals: {},
        example: '> wecomd.schema.json',
        docs: 'docs/config.md',
      },
      get: {
        summary: { en: 'print the value of one key, defaults included', 'zh-CN': '输出某一项的值（含默认值）' },
        details: { en: 'Secrets are masked with asterisks.', 'zh-CN': '密钥以星号代替。' },
        flags: {},
        positionals: {
          key: { about: { en: 'path of the key, such as gateway.url', 'zh-CN': '配置项路径，例如 gateway.url' } },
        },
        example: 'gateway.url',
        docs: 'docs/config.md',
      },
    },
    example: 'get gateway.url',
    docs: 'docs/config.md',
  },
} as const satisfies Commands
