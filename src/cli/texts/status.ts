const en = {
  head: (version: string, node: string, ready: string, since: string) =>
    `wecomd ${version} on ${node}: ${ready}, up since ${since}`,
  ready: 'ready',
  notReady: 'NOT READY',
  account: 'account',
  turns: 'turns',
  outbox: 'outbox',
  dead: 'dead',
  config: 'config',
  /** Names of the parts, and their states; those that are missing are printed as they are. */
  parts: {} as Readonly<Record<string, string>>,
  states: {} as Readonly<Record<string, string>>,
  stateSince: (state: string, since: string) => `${state} since ${since}`,
  /** What stands in one line about the same thing. */
  listed: (parts: readonly string[]) => parts.join(', '),
  surface: (account: string, kind: string, isEnabled: boolean) =>
    `${account}${isEnabled ? '' : ' (disabled)'}: ${kind}`,
  because: (state: string, reason: string) => `${state}: ${reason}`,
  withHint: (count: string, hint: string) => `${count} (${hint})`,
  bot: 'bot',
  app: 'app',
  countTurns: (open: string, waiting: string, asking: string) =>
    `${open} open, ${waiting} waiting, ${asking} with the agent`,
  countOutbox: (queued: string, held: string) => `${queued} queued, ${held} on hold`,
  seeDead: 'list them with wecomd dead list',
  loaded: (at: string) => `loaded ${at}`,
  reloadRejected: (reason: string) => `reload rejected, the previous config stays in use: ${reason}`,
  sendsOnly: 'only sends: it has no token and encodingAESKey for callbacks',
  noToken: 'no access token yet',
  tokenUntil: (at: string) => `access token valid until ${at}`,
  peak: (minute: number, hour: number) => `busiest member ${minute}/min ${hour}/h`,
  onHold: (since: string, errcode?: number) =>
    `ON HOLD since ${since}: WeCom refuses this app${errcode === undefined ? '' : ` (errcode ${errcode})`}`,
  activity: (event: string, at: string, from?: string) =>
    `WeCom sent ${event} at ${at}${from === undefined ? '' : `, effective ${from}`}: it suspends unused apps; check this one in the admin console`,
  noCallback: 'no callback yet',
  lastCallback: (at: string) => `last callback ${at}`,
  signatureFailure: (at: string, key: string) => `signature failure at ${at}: check ${key}`,
  unreachable: (since: string, reason: string, lastAt?: string) =>
    `WeCom is unreachable since ${since}${lastAt === undefined ? '' : `, last tried ${lastAt}`}: ${reason}`,
}

const zh: typeof en = {
  head: (version, node, ready, since) => `wecomd ${version}，主机 ${node}：${ready}，启动于 ${since}`,
  ready: '就绪',
  notReady: '未就绪',
  account: '账号',
  turns: '问答',
  outbox: '待发',
  dead: '死信',
  config: '配置',
  parts: {
    store: '存储',
    gateway: '网关',
    admin: '管理连接',
    scheduler: '定时任务',
    webhooks: '群机器人',
    safety: '执行权限',
    agents: '智能体',
    dynamicAgents: '动态智能体',
    daemon: '守护进程',
  },
  states: {
    up: '正常',
    connecting: '连接中',
    pairing: '等待批准设备',
    refused: '被拒绝',
    down: '断开',
    unreachable: '无法访问',
    stopping: '正在停止',
    unlimited: '未受限制',
    unknown: '不存在',
    bound: '由绑定的智能体回答',
  },
  stateSince: (state, since) => `${state}，自 ${since}`,
  listed: parts => parts.join('，'),
  surface: (account, kind, isEnabled) => `${account}${isEnabled ? '' : '（已停用）'} ${kind}`,
  because: (state, reason) => `${state}：${reason}`,
  withHint: (count, hint) => `${count}（${hint}）`,
  bot: '机器人',
  app: '应用',
  countTurns: (open, waiting, asking) => `进行中 ${open}，等待 ${waiting}，回答中 ${asking}`,
  countOutbox: (queued, held) => `排队 ${queued}，暂缓 ${held}`,
  seeDead: '用 wecomd dead list 查看',
  loaded: at => `${at} 载入`,
  reloadRejected: reason => `重新载入失败，继续使用之前的配置：${reason}`,
  sendsOnly: '只能发送：没有配置接收消息的 token 和 encodingAESKey',
  noToken: '还没有 access token',
  tokenUntil: at => `access token 有效至 ${at}`,
  peak: (minute, hour) => `单个成员最多 ${minute} 条/分、${hour} 条/时`,
  onHold: (since, errcode) =>
    `自 ${since} 暂停发送：企业微信拒绝此应用${errcode === undefined ? '' : `（errcode ${errcode}）`}`,
  activity: (event, at, from) =>
    `${at} 收到企业微信事件 ${event}${from === undefined ? '' : `，${from} 生效`}：长期无人使用的应用会被停用，请到管理后台查看`,
  noCallback: '还没有收到回调',
  lastCallback: at => `最近回调 ${at}`,
  signatureFailure: (at, key) => `${at} 签名校验失败：请检查 ${key}`,
  unreachable: (since, reason, lastAt) =>
    `自 ${since} 无法访问企业微信${lastAt === undefined ? '' : `，最近一次尝试 ${lastAt}`}：${reason}`,
}

export const statusTexts = { en, 'zh-CN': zh }
