export type Language = 'zh-CN' | 'en'

type NoticeText = Readonly<Record<Language, string>>

/**
 * The text of every notice a user can see, and of the words that are inserted into notices. `{name}` is a placeholder; a
 * literal brace is written twice. Both languages of a notice have the same placeholders. Users are colleagues, not
 * operators: say "you", keep it short, and name no part of wecomd or OpenClaw.
 */
export const noticeTexts = {
  queued: { 'zh-CN': '⏳ 已收到，正在排队。', en: '⏳ Received and queued.' },
  queued_long: { 'zh-CN': '⏳ 已收到，正在排队（已等 {elapsed}）。', en: '⏳ Received and queued ({elapsed}).' },
  fetching: { 'zh-CN': '⏳ 正在接收你发送的文件（已等 {elapsed}）。', en: '⏳ Receiving your files ({elapsed}).' },
  elapsed: { 'zh-CN': '已用 {elapsed} · {phase}', en: '{elapsed} · {phase}' },
  elapsed_seconds: { 'zh-CN': '{seconds} 秒', en: '{seconds} s' },
  elapsed_minutes: { 'zh-CN': '{minutes} 分 {seconds} 秒', en: '{minutes} min {seconds} s' },
  phase_starting: { 'zh-CN': '正在准备', en: 'getting ready' },
  phase_thinking: { 'zh-CN': '正在思考', en: 'thinking' },
  phase_tool: { 'zh-CN': '正在查询', en: 'looking things up' },
  phase_occupied: { 'zh-CN': '智能体正忙，等待中', en: 'the agent is busy, waiting' },
  phase_resuming: { 'zh-CN': '正在恢复', en: 'resuming' },
  offline: {
    'zh-CN': '⏳ 暂时连接不上智能体，消息已保存，恢复后会继续回答。',
    en: "⏳ The agent can't be reached right now. Your message is saved and will be answered.",
  },
  moved: {
    'zh-CN': '⏳ 还没有完成，完整的回答稍后会单独发给你。',
    en: "⏳ Not finished yet. You'll get the full answer in a separate message.",
  },
  moved_whole: { 'zh-CN': '完整的回答已单独发送。', en: 'The full answer is sent in a separate message.' },
  moved_lost: {
    'zh-CN': '⏳ 等待时间太长，完整的回答无法再发到这里，请联系管理员。',
    en: "⏳ This took too long, and the answer can't be shown here. Please ask your administrator.",
  },
  continued: {
    'zh-CN': '（内容较长，其余部分稍后单独发送）',
    en: '(long answer: the rest follows in a separate message)',
  },
  overflow_lost: {
    'zh-CN': '（内容过长，其余部分无法送达，请联系管理员）',
    en: "(too long: the rest couldn't be delivered, please ask your administrator)",
  },
  truncated: {
    'zh-CN': '（内容较长，其余部分在完成后发送）',
    en: '(long answer: the rest is sent when it is complete)',
  },
  merged: { 'zh-CN': '已与你的下一条消息一起回答。', en: 'Answered together with your next message.' },
  unknown_kind: {
    'zh-CN': '暂不支持这类消息，请改发文字、图片或文件。',
    en: "This kind of message can't be read here. Please send text, a picture or a file.",
  },
  blank: {
    'zh-CN': '这条消息里没有可读的内容，请写下你的问题。',
    en: "There's nothing to read in this message. Please write your question.",
  },
  empty: { 'zh-CN': '智能体没有给出回答。', en: 'The agent gave no answer.' },
  failed: { 'zh-CN': '⚠️ 回答时出错了，请稍后再试。', en: '⚠️ Something went wrong. Please try again later.' },
  lost: {
    'zh-CN': '⚠️ 这次回答中断了，没能恢复，请重新提问。',
    en: "⚠️ This answer was interrupted and couldn't be recovered. Please ask again.",
  },
  timeout: { 'zh-CN': '⚠️ 用时太长，回答已中止。', en: '⚠️ The answer took too long and was stopped.' },
  agent_unknown: {
    'zh-CN': '⚠️ 找不到为你服务的智能体，请联系管理员。',
    en: "⚠️ Your agent can't be found. Please tell your administrator.",
  },
  stopped: { 'zh-CN': '⏹ 已停止。', en: '⏹ Stopped.' },
  busy: {
    'zh-CN': '当前消息太多，这一条没有处理，请稍后再发。',
    en: 'Too many messages right now, so this one was not processed. Please send it again later.',
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
  help_new: { 'zh-CN': '开始新的会话', en: 'starts a new session' },
  help_reset: { 'zh-CN': '开始新的会话', en: 'starts a new session' },
  help_stop: { 'zh-CN': '停止当前的回答（也可以发送“停止”）', en: 'stops the current answer' },
  help_status: { 'zh-CN': '查看会话状态', en: 'shows the session' },
  help_whoami: { 'zh-CN': '查看你的用户、账号和智能体', en: 'shows your user, account and agent' },
  help_model: { 'zh-CN': '查看或更换模型', en: 'shows or changes the model' },
  help_think: { 'zh-CN': '设置思考深度', en: 'sets the thinking depth' },
  help_compact: { 'zh-CN': '压缩会话历史', en: 'compacts the session history' },
  help_usage: { 'zh-CN': '查看用量', en: 'shows usage' },
  help_approve: { 'zh-CN': '批准等待中的命令（/approve 编号）', en: 'approves a waiting command (/approve ID)' },
  help_deny: { 'zh-CN': '拒绝等待中的命令（/deny 编号）', en: 'denies a waiting command (/deny ID)' },
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
    en: "You ({user}) can't use commands. An administrator can allow it in {setting}.",
  },
  chat_refused: {
    'zh-CN': '你（{user}）没有使用权限。如需开通，请管理员修改配置 {setting}。',
    en: "You ({user}) can't chat here. An administrator can allow it in {setting}.",
  },
  outsider: {
    'zh-CN': '这个应用只能回答本企业的成员，请通过群里的机器人提问，或联系管理员。',
    en: 'This app can only answer members of its own company. Ask in a group with the Bot, or ask your administrator.',
  },
  command_unknown: {
    'zh-CN': '没有 /{command} 这个命令，发送 /help 查看可用的命令。',
    en: 'There is no command /{command}. Send /help for the list.',
  },
  stopping: { 'zh-CN': '⏹ 已停止。', en: '⏹ Stopped.' },
  nothing_to_stop: { 'zh-CN': '现在没有正在进行的回答。', en: 'There is no answer to stop.' },
  session_new: { 'zh-CN': '✅ 已开始新的会话。', en: '✅ New session started.' },
  session_stays: {
    'zh-CN': '现在无法开始新的会话，请稍后再试，或联系管理员。',
    en: "A new session can't start right now. Try again later, or ask your administrator.",
  },
  approval_waiting: {
    'zh-CN':
      '🔐 智能体想执行下面的命令，正在等待管理员批准：\n{command}\n管理员发送 /approve {id} 批准，或发送 /deny {id} 拒绝。',
    en: '🔐 The agent wants to run this command and needs an approval:\n{command}\nAdministrators: send /approve {id} or /deny {id}.',
  },
  approval_step: {
    'zh-CN':
      '🔐 智能体的下一步需要批准，正在等待管理员：\n{command}\n管理员发送 /approve {id} 批准，或发送 /deny {id} 拒绝。',
    en: "🔐 The agent's next step needs an approval:\n{command}\nAdministrators: send /approve {id} or /deny {id}.",
  },
  approval_given: { 'zh-CN': '✅ 已批准，智能体会继续。', en: '✅ Approved. The agent continues.' },
  approval_denied: { 'zh-CN': '⛔ 已拒绝。', en: '⛔ Denied.' },
  approval_gone: {
    'zh-CN': '这个命令已不在等待批准：已处理过，或已过期。',
    en: 'This command is no longer waiting: it was already decided, or it expired.',
  },
  approval_barred: {
    'zh-CN': '现在无法处理，请稍后再试；仍然不行时，请联系维护人员。',
    en: "This can't be done right now. Try again later, or ask whoever runs this service.",
  },
  approval_unknown: {
    'zh-CN': '没有找到等待批准的这条命令。请只发送 /{command} 和提示里的编号。',
    en: 'No such command is waiting. Send only /{command} and the ID from the request.',
  },
  approval_refused: {
    'zh-CN': '你（{user}）不是管理员，不能批准命令。如需开通，请管理员修改配置 {setting}。',
    en: "You ({user}) aren't an administrator and can't approve commands. An administrator can change that in {setting}.",
  },
  question_choose: { 'zh-CN': '（回复编号或你的想法）', en: '(reply with a number, or in your own words)' },
  question_reply: { 'zh-CN': '（直接回复即可）', en: '(just reply)' },
  question_answered: { 'zh-CN': '✅ 已转告智能体，它会继续。', en: '✅ Passed on. The agent continues.' },
  unknown_stream: {
    'zh-CN': '找不到这条消息的回答，请重新发送。',
    en: "The answer to this message can't be found. Please send it again.",
  },
  answer_in_file: {
    'zh-CN': '内容较长（约 {size}），全文见文件「{fileName}」。',
    en: 'The answer is long (about {size}). The full text is in “{fileName}”.',
  },
  answer_file_name: { 'zh-CN': '全文.md', en: 'full.md' },
  card_options: { 'zh-CN': '（直接回复你的选择即可）', en: '(reply with your choice)' },
  card_sent: { 'zh-CN': '已发送卡片。', en: 'The card has been sent.' },
  card_unreadable: {
    'zh-CN': '（有一张卡片无法显示）',
    en: "(a card couldn't be shown)",
  },
  card_taken: { 'zh-CN': '已选择：{choice}', en: 'Chosen: {choice}' },
  embed_hidden: {
    'zh-CN': '（智能体嵌入的内容无法在这里显示）',
    en: "(what the agent embedded can't be shown here)",
  },
  pictures: { 'zh-CN': '🖼 {names}', en: '🖼 {names}' },
  file_sent: {
    'zh-CN': '📎「{name}」已通过应用消息发送给你。',
    en: '📎 “{name}” was sent to you in a direct message.',
  },
  file_follows: { 'zh-CN': '📎「{name}」稍后通过应用消息发送给你。', en: '📎 “{name}” follows in a direct message.' },
  file_problem: { 'zh-CN': '（「{name}」{reason}）', en: '(“{name}” {reason})' },
  file_problem_withheld: {
    'zh-CN': '没能送达：智能体没有给出这个文件',
    en: "couldn't be delivered: the agent didn't provide the file",
  },
  file_problem_never_came: {
    'zh-CN': '没能送达：智能体提到了这个文件，但一直没有给出',
    en: "couldn't be delivered: the agent mentioned the file but never provided it",
  },
  file_problem_no_way: {
    'zh-CN': '没能送达：这里还不能发送文件，请联系管理员',
    en: "couldn't be delivered: sending files isn't set up here, please ask your administrator",
  },
  file_problem_too_large: {
    'zh-CN': '没能送达：超过企业微信的大小限制',
    en: "couldn't be delivered: it exceeds WeCom's size limit",
  },
  file_problem_too_small: {
    'zh-CN': '没能送达：文件小于 6 字节，企业微信不支持',
    en: "couldn't be delivered: WeCom doesn't accept files under 6 bytes",
  },
  file_problem_gone: {
    'zh-CN': '没能送达：取不到这个文件',
    en: "couldn't be delivered: the file is no longer available",
  },
  file_problem_not_sent: { 'zh-CN': '发送失败：企业微信拒收', en: "couldn't be delivered: WeCom rejected it" },
  file_problem_unsure: {
    'zh-CN': '可能没有送达：企业微信没有回应',
    en: "may not have been delivered: WeCom didn't respond",
  },
  media_problem: {
    'zh-CN': '（「{name}」没能交给智能体：{reason}）',
    en: "(“{name}” couldn't be passed to the agent: {reason})",
  },
  media_problem_too_large: { 'zh-CN': '文件太大', en: 'it is too large' },
  media_problem_too_large_for_agent: { 'zh-CN': '超过智能体的大小限制', en: "it exceeds the agent's size limit" },
  media_problem_expired: {
    'zh-CN': '下载链接已失效，请重新发送',
    en: 'its link has expired, please send it again',
  },
  media_problem_unreadable: { 'zh-CN': '内容无法读取，请重新发送', en: "it can't be read, please send it again" },
  media_problem_empty: { 'zh-CN': '文件是空的', en: 'it is empty' },
  media_problem_bad_host: {
    'zh-CN': '下载地址不在允许范围内，请联系管理员',
    en: "its download address isn't allowed, please ask your administrator",
  },
  media_problem_unreachable: { 'zh-CN': '下载失败，请重新发送', en: 'the download failed, please send it again' },
  media_problem_late: { 'zh-CN': '下载时间太长，请重新发送', en: 'the download took too long, please send it again' },
} as const satisfies Readonly<Record<string, NoticeText>>

export type TextName = keyof typeof noticeTexts

/** The values of the placeholders in a notice. */
export type ValuesOf<Name extends TextName> = Readonly<
  Record<PlaceholderIn<(typeof noticeTexts)[Name][Language]>, string | number>
>

type PlaceholderIn<Text> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | PlaceholderIn<Rest> : never

const placeholder = /\{\{|\}\}|\{(\w+)\}/g

/** The names of the placeholders in a text. */
export function placeholdersIn(text: string): readonly string[] {
  return [...text.matchAll(placeholder)].flatMap(([, name]) => name ?? [])
}

/** Replaces the placeholders of a text. Facts the text does not mention are ignored, so an operator's own text may use fewer. */
export function fill(text: string, facts: Readonly<Record<string, string | number>>): string {
  return text.replace(placeholder, (found, name: string | undefined) =>
    name === undefined ? found.slice(1) : String(facts[name] ?? found),
  )
}
