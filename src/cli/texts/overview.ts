const en = {
  tagline: 'WeCom ⇄ OpenClaw',
  moreHelp: 'wecomd help COMMAND shows its options and an example.',
  next: {
    no_config: 'No config file found. Try everything without an account first:',
    bad_config: 'The config file has errors. List them:',
    down: 'The daemon is not running. Start it:',
    no_access: 'The daemon could not be asked how it is doing. See why:',
    not_ready: 'The daemon is not ready. See what is wrong:',
    dead_letters: 'Some messages could not be delivered. List them:',
    on_hold: 'Some messages are on hold. See why:',
    ready: 'The daemon is running. See how it is doing:',
  },
}

const zh: typeof en = {
  tagline: '企业微信 ⇄ OpenClaw',
  moreHelp: '运行 wecomd help 加命令名，可查看该命令的选项和示例。',
  next: {
    no_config: '没有找到配置文件。不需要账号就可以先试用：',
    bad_config: '配置文件有错误。查看具体问题：',
    down: '守护进程没有运行。启动它：',
    no_access: '无法查询守护进程的状态。查看原因：',
    not_ready: '守护进程未就绪。查看原因：',
    dead_letters: '有投递失败的消息。查看列表：',
    on_hold: '有消息暂缓发送。查看原因：',
    ready: '守护进程正在运行。查看状态：',
  },
}

export const overviewTexts = { en, 'zh-CN': zh }
