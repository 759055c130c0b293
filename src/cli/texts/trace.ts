const en = {
  unknownId: (id: string) => `no message with the id ${id}`,
  head: (id: string, state: string, end?: string) => `${id}: ${state}${end === undefined ? '' : ` (${end})`}`,
  from: (sender: string, conversation: string) => `from ${sender} in ${conversation}`,
  to: (target: string | undefined) => `to ${target ?? 'an unnamed target'}`,
  account: (parties: string, account: string) => `${parties}, account ${account}`,
  short: (short: string) => `short id ${short}`,
  comma: ', ',
  unasked: 'the agent spoke without being asked',
  none: 'no messages yet',
  noneMatch: 'no such message among the newest',
  took: (seconds: string) => `${seconds} s`,
}

const zh: typeof en = {
  unknownId: id => `没有 ID 为 ${id} 的消息`,
  head: (id, state, end) => `${id}：${state}${end === undefined ? '' : `（${end}）`}`,
  from: (sender, conversation) => `来自 ${sender}，会话 ${conversation}`,
  to: target => `发给 ${target ?? '未知收件人'}`,
  account: (parties, account) => `${parties}，账号 ${account}`,
  short: short => `短 ID ${short}`,
  comma: '，',
  unasked: '由智能体主动发出，没有人提问',
  none: '还没有消息',
  noneMatch: '最近的消息里没有符合条件的',
  took: seconds => `${seconds} 秒`,
}

export const traceTexts = { en, 'zh-CN': zh }
