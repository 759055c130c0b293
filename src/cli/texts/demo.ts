const en = {
  badPort: (port: string) => `--port ${port} is not a port`,
  tokenAlone: '--token only makes sense with --gateway',
  portTaken: (port: number) => `cannot serve the page on port ${port}`,
  portTakenHint: 'another process uses this port; choose one with --port',
  open: (url: string) => `open ${url} in a browser · Ctrl+C stops it`,
  send: 'Send a message from another terminal:',
  others: 'Other targets: party:1, tag:Ops, webhook:ops. Other contents: --markdown, --file, --card.',
}

const zh: typeof en = {
  badPort: port => `--port ${port} 不是有效的端口`,
  tokenAlone: '--token 要和 --gateway 一起使用',
  portTaken: port => `无法在端口 ${port} 上提供网页`,
  portTakenHint: '该端口已被其他进程占用，请用 --port 换一个',
  open: url => `在浏览器中打开 ${url} · 按 Ctrl+C 停止`,
  send: '在另一个终端中主动发送一条消息：',
  others: '收件人还可以是 party:1、tag:Ops、webhook:ops；内容还可以用 --markdown、--file、--card。',
}

export const demoTexts = { en, 'zh-CN': zh }
