export type Language = 'zh-CN' | 'en'

type NoticeText = Readonly<Record<Language, string>>

/**
 * Our wording of every sentence that a user can see, and of the words that are put into one: `{name}` is replaced, a
 * literal brace is written twice. Both languages of a sentence have the same placeholders.
 */
export const noticeTexts = {
  queued: { 'zh-CN': '⏳ 已收到，正在排队。', en: '⏳ Received, waiting in line.' },
  queued_long: {
    'zh-CN': '⏳ 已收到，正在排队（已等 {elapsed}）。',
    en: '⏳ Received, waiting in line ({elapsed}).',
  },
  fetching: {
    'zh-CN': '⏳ 正在接收你发送的文件（已等 {elapsed}）。',
    en: '⏳ Receiving what you sent ({elapsed}).',
  },
  elapsed: { 'zh-CN': '已用 {elapsed} · {phase}', en: '{elapsed} · {phase}' },
  elapsed_seconds: { 'zh-CN': '{seconds} 秒', en: '{seconds} s' },
  elapsed_minutes: { 'zh-CN': '{minutes} 分 {seconds} 秒', en: '{minutes} min {seconds} s' },
  phase_starting: { 'zh-CN': '正在准备', en: 'getting ready' },
  phase_thinking: { 'zh-CN': '正在思考', en: 'thinking' },
  phase_tool: { 'zh-CN': '正在查询', en: 'looking things up' },
  phase_occupied: { 'zh-CN': '会话正忙，等待中', en: 'waiting, the session is busy' },
  phase_resuming: { 'zh-CN': '正在恢复', en: 'resuming' },
  offline: {
    'zh-CN': '⏳ 暂时连接不上智能体，消息已保存，恢复后会继续回答。',
    en: '⏳ The agent cannot be reached at the moment. Your message is kept and will be answered.',
  },
  moved: {
    'zh-CN': '⏳ 还没有完成，完整的回答稍后会单独发给你。',
    en: '⏳ Not finished yet. The whole answer will follow in a separate message.',
  },
  moved_whole: { 'zh-CN': '完整的回答已单独发送。', en: 'The whole answer is sent in a separate message.' },
  moved_lost: {
    'zh-CN': '⏳ 时间太长，这个气泡已到时限。完整的回答无法再送到这里，请联系管理员查看。',
    en: '⏳ This bubble has reached its time limit and the answer cannot be delivered here any more. Please ask your administrator.',
  },
  continued: {
    'zh-CN': '（内容较长，其余部分稍后单独发送）',
    en: '(long answer: the rest follows in a separate message)',
  },
  overflow_lost: {
    'zh-CN': '（内容过长，其余部分无法送达，请联系管理员查看）',
    en: '(too long: the rest could not be delivered, please ask your administrator)',
  },
  truncated: {
    'zh-CN': '（内容较长，其余部分在完成后发送）',
    en: '(long answer: the rest is sent when it is complete)',
  },
  merged: { 'zh-CN': '已与你的下一条消息一起回答。', en: 'Answered together with your next message.' },
  blank: {
    'zh-CN': '这条消息里没有可读的内容，请写下你的问题。',
    en: 'There is nothing to read in this message. Please write your question.',
  },
  empty: { 'zh-CN': '智能体没有给出回答。', en: 'The agent gave no answer.' },
  failed: {
    'zh-CN': '⚠️ 回答时出错了，请稍后再试。',
    en: '⚠️ Something went wrong while answering. Please try again later.',
  },
  lost: {
    'zh-CN': '⚠️ 智能体重启后没有找回这次回答，请重新提问。',
    en: '⚠️ The agent restarted and this answer could not be recovered. Please ask again.',
  },
  timeout: {
    'zh-CN': '⚠️ 用时超过上限，回答已中止。',
    en: '⚠️ The time limit was reached and the answer was stopped.',
  },
  agent_unknown: {
    'zh-CN': '⚠️ 找不到为你服务的智能体，请联系管理员。',
    en: '⚠️ The agent that should answer you does not exist. Please tell your administrator.',
  },
  stopped: { 'zh-CN': '⏹ 已停止。', en: '⏹ Stopped.' },
  busy: {
    'zh-CN': '当前消息太多，这一条没有处理，请稍后再发。',
    en: 'Too many messages at the moment: this one was not processed. Please send it again later.',
  },
  expired: {
    'zh-CN': '等待时间太长，这一条没有处理，请重新发送。',
    en: 'This message waited too long and was not processed. Please send it again.',
  },
  expired_before: {
    'zh-CN': '（上一条消息等待时间太长，没有处理；如仍需要请重新发送。）',
    en: '(Your previous message waited too long and was not processed; please send it again if you still need it.)',
  },
  help: { 'zh-CN': '可用的命令：\n{commands}', en: 'Commands:\n{commands}' },
  help_new: { 'zh-CN': '开始新的会话', en: 'begins a new session' },
  help_reset: { 'zh-CN': '开始新的会话', en: 'begins a new session' },
  help_stop: { 'zh-CN': '停止正在进行的回答（也可以发送“停止”）', en: 'stops the answer under way' },
  help_status: { 'zh-CN': '查看会话状态', en: 'tells about the session' },
  help_whoami: { 'zh-CN': '查看你的用户、账号和智能体', en: 'tells your user, account and agent' },
  help_model: { 'zh-CN': '查看或更换模型', en: 'tells or changes the model' },
  help_think: { 'zh-CN': '设置思考深度', en: 'sets how long to think' },
  help_compact: { 'zh-CN': '压缩会话历史', en: 'shortens the history of the session' },
  help_usage: { 'zh-CN': '查看用量', en: 'tells what was used' },
  help_approve: { 'zh-CN': '批准等待中的命令（/approve 编号）', en: 'allows a command that waits (/approve ID)' },
  help_deny: { 'zh-CN': '拒绝等待中的命令（/deny 编号）', en: 'refuses a command that waits (/deny ID)' },
  help_help: { 'zh-CN': '查看可用的命令', en: 'lists the commands' },
  whoami: {
    'zh-CN': '用户：{user}\n账号：{account}\n智能体：{agent}',
    en: 'User: {user}\nAccount: {account}\nAgent: {agent}',
  },
  whoami_in_group: {
    'zh-CN': '用户：{user}\n群聊：{chat}\n账号：{account}\n智能体：{agent}',
    en: 'User: {user}\nGroup: {chat}\nAccount: {account}\nAgent: {agent}',
  },
  command_refused: {
    'zh-CN': '你（{user}）没有使用命令的权限。如需开通，请管理员修改配置 {setting}。',
    en: 'You ({user}) may not use commands. An administrator can change that in {setting}.',
  },
  chat_refused: {
    'zh-CN': '你（{user}）没有使用权限。如需开通，请管理员修改配置 {setting}。',
    en: 'You ({user}) may not use this. An administrator can change that in {setting}.',
  },
  command_unknown: {
    'zh-CN': '没有 /{command} 这个命令，发送 /help 查看可用的命令。',
    en: 'There is no command /{command}. Send /help to see which there are.',
  },
  stopping: { 'zh-CN': '⏹ 已停止。', en: '⏹ Stopped.' },
  nothing_to_stop: { 'zh-CN': '现在没有正在进行的回答。', en: 'No answer is under way.' },
  session_new: { 'zh-CN': '✅ 已开始新的会话。', en: '✅ A new session has begun.' },
  session_stays: {
    'zh-CN': '现在无法开始新的会话，请稍后再试，或联系管理员：网关没有给 wecomd 管理权限，或暂时连接不上。',
    en: 'A new session cannot begin now. Try again later, or ask an administrator: the gateway gives wecomd no admin scope, or cannot be reached at the moment.',
  },
  approval_waiting: {
    'zh-CN':
      '🔐 智能体想执行下面的命令，正在等待管理员批准：\n{command}\n管理员发送 /approve {id} 批准，或发送 /deny {id} 拒绝。',
    en: '🔐 The agent wants to run this and waits for an administrator:\n{command}\nAn administrator answers with /approve {id} or /deny {id}.',
  },
  approval_given: { 'zh-CN': '✅ 已批准，智能体会继续。', en: '✅ Allowed: the agent goes on.' },
  approval_denied: { 'zh-CN': '⛔ 已拒绝。', en: '⛔ Refused.' },
  approval_gone: {
    'zh-CN': '这个命令已经不再等待批准：已处理过，或已过期。',
    en: 'This command does not wait any more: it was answered, or its time is over.',
  },
  approval_barred: {
    'zh-CN': '现在无法处理，请联系管理员：网关没有给 wecomd 管理权限，或暂时连接不上。',
    en: 'This cannot be done now, ask an administrator: the gateway gives wecomd no admin scope, or cannot be reached.',
  },
  approval_unknown: {
    'zh-CN': '没有找到这个等待批准的命令，或没有看懂。请只发送 /{command} 和气泡里显示的编号。',
    en: 'No such command waits for approval, or this was not understood. Send only /{command} and the ID that the bubble shows.',
  },
  approval_refused: {
    'zh-CN': '你（{user}）不是管理员，不能批准命令。如需开通，请管理员修改配置 {setting}。',
    en: 'You ({user}) are not an administrator and cannot approve commands. An administrator can change that in {setting}.',
  },
  unknown_stream: {
    'zh-CN': '找不到这条消息的回答，请重新发送。',
    en: 'The answer to this message cannot be found. Please send it again.',
  },
  answer_in_file: {
    'zh-CN': '内容较长（约 {size}），全文见文件「{fileName}」。',
    en: 'Too long for a message (about {size}): all of it is in the file “{fileName}”.',
  },
  answer_file_name: { 'zh-CN': '全文.md', en: 'full.md' },
  card_options: { 'zh-CN': '（直接回复你的选择即可）', en: '(simply reply with your choice)' },
  card_sent: { 'zh-CN': '已发送卡片。', en: 'The card has been sent.' },
  card_taken: { 'zh-CN': '已选择：{choice}', en: 'Chosen: {choice}' },
  pictures: { 'zh-CN': '🖼 {names}', en: '🖼 {names}' },
  file_sent: { 'zh-CN': '📎「{name}」已通过应用消息发送给你。', en: '📎 “{name}” was sent to you by direct message.' },
  file_follows: { 'zh-CN': '📎「{name}」稍后通过应用消息发送给你。', en: '📎 “{name}” follows by direct message.' },
  file_problem: { 'zh-CN': '（「{name}」{reason}）', en: '(“{name}” {reason})' },
  file_problem_withheld: {
    'zh-CN': '没能送达：智能体没有给出这个文件',
    en: 'did not arrive: the agent did not hand it over',
  },
  file_problem_no_way: {
    'zh-CN': '没能送达：没有配置自建应用，无法发送文件',
    en: 'did not arrive: files need a self-built app, and none is configured',
  },
  file_problem_too_large: {
    'zh-CN': '没能送达：文件太大，企业微信不接收',
    en: 'did not arrive: it is larger than WeCom takes',
  },
  file_problem_too_small: {
    'zh-CN': '没能送达：文件不足 6 个字节，企业微信不接收',
    en: 'did not arrive: it has fewer than 6 bytes, which WeCom does not take',
  },
  file_problem_gone: {
    'zh-CN': '没能送达：无法从智能体取回文件',
    en: 'did not arrive: it could not be fetched from the agent',
  },
  file_problem_not_sent: { 'zh-CN': '没能送达：企业微信没有接收', en: 'did not arrive: WeCom did not take it' },
  file_problem_unsure: { 'zh-CN': '可能没有送达：企业微信没有回应', en: 'may not have arrived: WeCom did not say' },
  media_problem: {
    'zh-CN': '（「{name}」没能交给智能体：{reason}）',
    en: '(“{name}” could not be given to the agent: {reason})',
  },
  media_problem_too_large: { 'zh-CN': '文件太大', en: 'it is too large' },
  media_problem_too_large_for_agent: {
    'zh-CN': '超过了智能体能接收的大小',
    en: 'it is larger than the agent takes',
  },
  media_problem_expired: {
    'zh-CN': '下载链接已失效，请重新发送',
    en: 'its link has expired, please send it again',
  },
  media_problem_unreadable: { 'zh-CN': '内容无法读取，请重新发送', en: 'it cannot be read, please send it again' },
  media_problem_empty: { 'zh-CN': '文件是空的', en: 'it is empty' },
  media_problem_bad_host: {
    'zh-CN': '下载地址不被允许，请联系管理员',
    en: 'its address is not allowed, please ask your administrator',
  },
  media_problem_unreachable: { 'zh-CN': '下载失败，请重新发送', en: 'it could not be fetched, please send it again' },
  media_problem_late: {
    'zh-CN': '下载时间太长，请重新发送',
    en: 'fetching it took too long, please send it again',
  },
} as const satisfies Readonly<Record<string, NoticeText>>

export type TextName = keyof typeof noticeTexts

/** What must be known to say a sentence. */
export type ValuesOf<Name extends TextName> = Readonly<
  Record<PlaceholderIn<(typeof noticeTexts)[Name][Language]>, string | number>
>

type PlaceholderIn<Text> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | PlaceholderIn<Rest> : never

const placeholder = /\{\{|\}\}|\{(\w+)\}/g

/** The placeholders that a text can have, by what we put into ours. */
export function placeholdersIn(text: string): readonly string[] {
  return [...text.matchAll(placeholder)].flatMap(([, name]) => name ?? [])
}

/** A text with the facts in it; what it does not name is left out. */
export function fill(text: string, facts: Readonly<Record<string, string | number>>): string {
  return text.replace(placeholder, (found, name: string | undefined) =>
    name === undefined ? found.slice(1) : String(facts[name] ?? found),
  )
}
