const en = {
  unknownCommand: (name: string) => `unknown command "${name}"`,
  unknownFlag: (flag: string) => `unknown option ${flag}`,
  didYouMean: (name: string) => `; did you mean ${name}?`,
  quoted: (word: string) => `"${word}"`,
  needsValue: (flag: string) => `${flag} needs a value`,
  takesNoValue: (flag: string) => `${flag} does not accept a value`,
  emptyValue: (flag: string) => `${flag} is empty`,
  missingFlag: (flag: string) => `${flag} is missing`,
  missingArgument: (name: string) => `${name} is missing`,
  missingSubcommand: (names: string) => `choose one of: ${names}`,
  surplus: (argument: string) => `unexpected argument "${argument}"`,
  notOneOf: (what: string, choices: string, got: string) => `${what} must be ${choices}, not "${got}"`,
  or: ' or ',
  notUtf8: (argument: string) => `the argument "${argument}" is not valid UTF-8; use a UTF-8 terminal and locale`,
  seeHelp: (command: string) => `see: ${command} --help`,
  commandOrder: '; options of a command follow the command',
}

const zh: typeof en = {
  unknownCommand: name => `没有“${name}”这个命令`,
  unknownFlag: flag => `没有 ${flag} 这个选项`,
  didYouMean: name => `，是不是想输入 ${name}？`,
  quoted: word => `“${word}”`,
  needsValue: flag => `${flag} 后面缺少值`,
  takesNoValue: flag => `${flag} 不接受值`,
  emptyValue: flag => `${flag} 的值为空`,
  missingFlag: flag => `缺少 ${flag}`,
  missingArgument: name => `缺少 ${name}`,
  missingSubcommand: names => `请选择其一：${names}`,
  surplus: argument => `多余的参数“${argument}”`,
  notOneOf: (what, choices, got) => `${what} 只能是 ${choices}，而不是“${got}”`,
  or: ' 或 ',
  notUtf8: argument => `参数“${argument}”不是有效的 UTF-8，请使用 UTF-8 编码的终端和区域设置`,
  seeHelp: command => `用法见：${command} --help`,
  commandOrder: '；命令的选项要写在命令之后',
}

/** What is wrong with the arguments. */
export const usageTexts = { en, 'zh-CN': zh }

export type UsageTexts = typeof en
