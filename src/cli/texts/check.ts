const count = (amount: number, word: string) => `${amount} ${word}${amount === 1 ? '' : 's'}`

const en = {
  error: 'error',
  warning: 'warning',
  note: 'note',
  summary: (file: string, errors: number, warnings: number) =>
    [
      `${file}: ${errors === 0 ? 'valid' : 'not valid'}`,
      ...(errors === 0 ? [] : [count(errors, 'error')]),
      ...(warnings === 0 ? [] : [count(warnings, 'warning')]),
    ].join(', '),
  noFile: (places: readonly string[]) =>
    `no config file found: pass --config, set $WECOMD_CONFIG, or create ${places.join(' or ')}`,
  needsAdminScope:
    'needs admin scope, which the gateway has not granted to this device yet; until then the bound agents answer. Start wecomd and run wecomd status to see the command for the gateway host',
  unknownKey: (key: string) => `unknown key ${key}`,
  notSet: (key: string) => `${key} is not set`,
}

const zh: typeof en = {
  error: '错误',
  warning: '警告',
  note: '提示',
  summary: (file, errors, warnings) =>
    [
      `${file}：${errors === 0 ? '有效' : '无效'}`,
      ...(errors === 0 ? [] : [`${errors} 个错误`]),
      ...(warnings === 0 ? [] : [`${warnings} 个警告`]),
    ].join('，'),
  noFile: places => `没有找到配置文件：请用 --config 指定，或设置 $WECOMD_CONFIG，或创建 ${places.join(' 或 ')}`,
  needsAdminScope:
    '需要 admin 权限，但网关还没有授予本设备；在此之前由绑定的智能体回答。启动 wecomd 后运行 wecomd status，可看到要在网关主机上执行的命令',
  unknownKey: key => `没有 ${key} 这个配置项`,
  notSet: key => `${key} 没有设置`,
}

/** The config file on the command line. What is wrong inside the file is said in English by the config itself. */
export const checkTexts = { en, 'zh-CN': zh }
