const en = {
  oneContent: 'pass exactly one of --text, --markdown, --card and --file',
  badTimeout: (value: string) => `--timeout must be a number of seconds, not "${value}"`,
  standardInput: 'standard input',
  nothingOnInput: 'standard input is empty',
  notUtf8: (what: string) => `${what} is not UTF-8`,
  notJson: (file: string, reason: string) => `${file} is not valid JSON: ${reason}`,
  unreadable: (file: string, reason: string) => `cannot read ${file}: ${reason}`,
  empty: (file: string) => `${file} is empty`,
  tooLarge: (file: string) => `${file} is larger than 20 MiB, the limit of WeCom`,
  late: (seconds: number) => `not delivered within ${seconds} s; the daemon keeps trying`,
  forgotten: (id: string) => `the daemon no longer knows the delivery ${id}`,
}

const zh: typeof en = {
  oneContent: '请在 --text、--markdown、--card、--file 中选且只选一个',
  badTimeout: value => `--timeout 应为秒数，而不是“${value}”`,
  standardInput: '标准输入',
  nothingOnInput: '标准输入为空',
  notUtf8: what => `${what}不是 UTF-8 编码`,
  notJson: (file, reason) => `${file} 不是有效的 JSON：${reason}`,
  unreadable: (file, reason) => `无法读取 ${file}：${reason}`,
  empty: file => `${file} 是空文件`,
  tooLarge: file => `${file} 超过企业微信的大小限制（20 MiB）`,
  late: seconds => `${seconds} 秒内未送达，守护进程会继续尝试`,
  forgotten: id => `守护进程已没有投递 ${id} 的记录`,
}

export const sendTexts = { en, 'zh-CN': zh }
