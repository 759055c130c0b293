const en = {
  /** States of a delivery; those that are missing are printed as they are. */
  states: {} as Readonly<Record<string, string>>,
  waits: (reason: string, until?: string, errcode?: number) =>
    `waiting${until === undefined ? '' : ` until ${until}`}: ${reason}${errcode === undefined ? '' : ` (errcode ${errcode})`}`,
  kindTo: (kind: string, to: string | undefined, state: string) =>
    `${kind}${to === undefined ? '' : ` to ${to}`}, ${state}`,
  noDead: 'there are no dead letters',
  retried: (id: string) => `queued again as ${id}`,
  dropped: (id: string) => `dropped ${id}`,
}

const zh: typeof en = {
  states: {
    queued: '排队中',
    sending: '发送中',
    held: '暂缓发送',
    delivered: '已送达',
    partial: '部分送达',
    refused: '发送失败：企业微信拒收',
    unknown: '结果未知',
    expired: '已过期',
    dropped: '已放弃',
  },
  waits: (reason, until, errcode) =>
    `${until === undefined ? '等待中' : `等到 ${until}`}：${reason}${errcode === undefined ? '' : `（errcode ${errcode}）`}`,
  kindTo: (kind, to, state) => `${kind}${to === undefined ? '' : ` 发给 ${to}`}，${state}`,
  noDead: '没有投递失败的消息',
  retried: id => `已重新排队，ID 为 ${id}`,
  dropped: id => `已放弃 ${id}`,
}

/** A delivery and how it ended. */
export const deliveryTexts = { en, 'zh-CN': zh }
