import type { PolicyRule } from '../../domain/policy.ts'

const rules: Readonly<Record<PolicyRule, string>> = {
  free: 'anyone may use this command',
  chat: 'anyone may chat, the policy applies to commands only',
  open: 'the policy is open to everyone',
  everyone: 'allowFrom contains *',
  listed: 'the sender is in allowFrom',
  unlisted: 'the sender is not in allowFrom',
  disabled: 'the policy is disabled',
  administrator: 'the sender is an administrator',
  stranger: 'the sender is not an administrator',
}

const en = {
  rules,
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
  rule: (reason: string, allowed: boolean, setting: string) =>
    `${allowed ? 'allowed' : 'refused'}: ${reason} (${setting})`,
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
  rules: {
    free: '任何人都可以用这个命令',
    chat: '任何人都可以聊天，策略只限制命令',
    open: '策略对所有人开放',
    everyone: 'allowFrom 中有 *',
    listed: '发送者在 allowFrom 名单中',
    unlisted: '发送者不在 allowFrom 名单中',
    disabled: '策略为停用',
    administrator: '发送者是管理员',
    stranger: '发送者不是管理员',
  },
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
  rule: (reason, allowed, setting) => `${allowed ? '允许' : '拒绝'}：${reason}（${setting}）`,
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
