const en = {
  title: 'wecomd joins WeCom and an OpenClaw gateway.',
  usage: 'Usage: ',
  command: 'COMMAND',
  optional: '[OPTIONS]',
  options: 'Options:',
  commonOptions: 'Common options:',
  arguments: 'Arguments:',
  commands: 'Commands:',
  example: 'Example:',
  docs: 'Docs: ',
  moreHelp: 'wecomd help COMMAND shows the options of a command and an example.',
}

const zh: typeof en = {
  title: 'wecomd 连接企业微信与 OpenClaw 网关。',
  usage: '用法：',
  command: '命令',
  optional: '[选项]',
  options: '选项：',
  commonOptions: '通用选项：',
  arguments: '参数：',
  commands: '命令：',
  example: '示例：',
  docs: '文档：',
  moreHelp: '运行 wecomd help 加命令名，可查看该命令的选项和示例。',
}

export const helpTexts = { en, 'zh-CN': zh }
