const en = {
  unreachable: (url: string) => `no daemon answers at ${url}`,
  unreachableHint:
    'is it running (wecomd run)? --url or --config says where it listens; changes to the admin section take effect after a restart',
  stranger: (url: string, status?: number) =>
    `the server at ${url} is not wecomd, or runs another version${status === undefined ? '' : `: it answered HTTP ${status}`}`,
  strangerHint: '--url or --config says where the daemon listens',
  answered: (url: string, status: number, message: string) =>
    `the daemon at ${url} answered HTTP ${status}: ${message}`,
  tokenRefused: (url: string) => `the daemon at ${url} refuses the admin token`,
  tokenRefusedHint:
    'pass --token-file, or run this as the user who owns the state folder with admin-token; changes to stateDir take effect after a restart',
  configInvalid: (issue: string) =>
    `the config is not valid: ${issue}; use --url to reach a daemon that still runs with the previous config`,
  tooLarge: 'the message is too large: the daemon accepts at most 32 MiB',
  notUrl: (url: string) => `${url} is not a URL such as http://127.0.0.1:8781`,
  noTokenFile: (file: string) => `the token file ${file} does not exist`,
  tokenUnreadable: (file: string, reason: string) => `cannot read the token file ${file}: ${reason}`,
  noToken: (where: string) => `${where} does not hold a token: expected one line of printable ASCII characters`,
  tokenFile: (file: string) => `the file ${file}`,
}

const zh: typeof en = {
  unreachable: url => `${url} 没有守护进程应答`,
  unreachableHint: '守护进程在运行吗（wecomd run）？用 --url 或 --config 指定它的地址；admin 部分的改动在重启后生效',
  stranger: (url, status) =>
    `${url} 上的服务不是 wecomd，或版本不同${status === undefined ? '' : `：它返回了 HTTP ${status}`}`,
  strangerHint: '用 --url 或 --config 指定守护进程的地址',
  answered: (url, status, message) => `${url} 上的守护进程返回 HTTP ${status}：${message}`,
  tokenRefused: url => `${url} 上的守护进程拒绝了管理令牌`,
  tokenRefusedHint:
    '请用 --token-file 指定令牌文件，或以状态目录（含 admin-token）所属的用户运行；stateDir 的改动在重启后生效',
  configInvalid: issue => `配置无效：${issue}；守护进程若仍在用之前的配置运行，可用 --url 访问`,
  tooLarge: '消息太大：守护进程最多接受 32 MiB',
  notUrl: url => `${url} 不是有效的地址，应类似 http://127.0.0.1:8781`,
  noTokenFile: file => `令牌文件 ${file} 不存在`,
  tokenUnreadable: (file, reason) => `无法读取令牌文件 ${file}：${reason}`,
  noToken: where => `${where} 中没有令牌：应为一行可打印的 ASCII 字符`,
  tokenFile: file => `文件 ${file}`,
}

/** Reaching the daemon. */
export const daemonTexts = { en, 'zh-CN': zh }

export type DaemonTexts = typeof en
