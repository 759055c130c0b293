const en = {
  unknownId: (id: string) => `no message with the id ${id}`,
  head: (id: string, state: string, end?: string) => `${id}: ${state}${end === undefined ? '' : ` (${end})`}`,
  from: (sender: string, conversation: string) => `from ${sender} in ${conversation}`,
  to: (target: string | undefined) => `to ${target ?? 'an unnamed target'}`,
  account: (parties: string, account: string) => `${parties}, account ${account}`,
}

const zh: typeof en = {
  unknownId: id => `没有 ID 为 ${id} 的消息`,
  head: (id, state, end) => `${id}：${state}${end === undefined ? '' : `（${end}）`}`,
  from: (sender, conversation) => `来自 ${sender}，会话 ${conversation}`,
  to: target => `发给 ${target ?? '未知收件人'}`,
  account: (parties, account) => `${parties}，账号 ${account}`,
}

export const traceTexts = { en, 'zh-CN': zh }
