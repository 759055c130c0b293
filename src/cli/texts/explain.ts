const en = {
  labels: {
    account: 'account',
    message: 'message',
    rule: 'rule',
    agent: 'agent',
    session: 'session',
    outcome: 'outcome',
    note: 'note',
  },
  account: (id: string, mode: string) => `${id}, ${mode}`,
  chat: 'chat',
  command: (name: string) => `command /${name}`,
  rule: (rule: string, allowed: boolean, setting: string) =>
    `${rule}: ${allowed ? 'allowed' : 'refused'} by ${setting}`,
  agent: (id: string, why: string) => `${id} (${why})`,
  byBinding: (index: number, rule: string) => `bindings[${index}], by ${rule}`,
  dynamic: (fallback: string) =>
    `channels.wecom.dynamicAgents, created on demand; ${fallback} answers where it cannot be created`,
  outcomes: {
    asked: 'the agent is asked',
    answered: 'wecomd answers',
    refused: 'refused',
    'session reset': 'a new session starts',
    unheard: 'not received',
  },
  disabled: 'the account is disabled: its URLs answer 404',
  sendsOnly: 'the app has no token or encodingAESKey: it only sends',
  noGroups: 'WeCom does not deliver group messages to an app',
  unknownAccount: (account: string) => `there is no account "${account}"`,
  lacksMode: (account: string, mode: string) => `the account "${account}" has no ${mode}`,
}

const zh: typeof en = {
  labels: {
    account: '账号',
    message: '消息',
    rule: '规则',
    agent: '智能体',
    session: '会话',
    outcome: '结果',
    note: '说明',
  },
  account: (id, mode) => `${id}，${mode === 'bot' ? '智能机器人' : '自建应用'}`,
  chat: '普通聊天',
  command: name => `命令 /${name}`,
  rule: (rule, allowed, setting) => `${rule}：${allowed ? '允许' : '拒绝'}，依据 ${setting}`,
  agent: (id, why) => `${id}（${why}）`,
  byBinding: (index, rule) => `bindings[${index}]，按 ${rule} 匹配`,
  dynamic: fallback => `channels.wecom.dynamicAgents，首次使用时创建；无法创建时由 ${fallback} 回答`,
  outcomes: {
    asked: '交给智能体回答',
    answered: '由 wecomd 直接答复',
    refused: '拒绝',
    'session reset': '开始新会话',
    unheard: '收不到',
  },
  disabled: '账号已停用：它的回调地址返回 404',
  sendsOnly: '应用没有配置 token 或 encodingAESKey：只能发送',
  noGroups: '企业微信不会把群消息发给应用',
  unknownAccount: account => `没有账号“${account}”`,
  lacksMode: (account, mode) => `账号“${account}”没有配置 ${mode}`,
}

export const explainTexts = { en, 'zh-CN': zh }
