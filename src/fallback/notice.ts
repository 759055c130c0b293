import type { Phase } from '../domain/turn.ts'

export type Language = 'zh-CN' | 'en'

/** Every sentence a user can see, with the facts it is told with. */
export type Notice =
  | { readonly key: 'elapsed'; readonly elapsedMs: number; readonly phase?: Phase }
  | { readonly key: 'queued' }
  | { readonly key: 'offline' }
  | { readonly key: 'moved' }
  | { readonly key: 'moved_whole' }
  | { readonly key: 'moved_lost' }
  | { readonly key: 'continued' }
  | { readonly key: 'overflow_lost' }
  | { readonly key: 'truncated' }
  | { readonly key: 'merged' }
  | { readonly key: 'empty' }
  | { readonly key: 'failed' }
  | { readonly key: 'lost' }
  | { readonly key: 'timeout' }
  | { readonly key: 'agent_unknown' }
  | { readonly key: 'stopped' }
  | { readonly key: 'busy' }
  | { readonly key: 'expired' }
  | { readonly key: 'expired_before' }
  | { readonly key: 'command' }
  | { readonly key: 'unknown_stream' }
  | { readonly key: 'answer_in_file'; readonly bytes: number; readonly fileName: string }
  | { readonly key: 'answer_file_name' }
  | { readonly key: 'card_options' }
  | { readonly key: 'card_sent' }
  | { readonly key: 'card_taken'; readonly choice: string }

/** Puts a notice into words for one account. */
export type Say = (notice: Notice) => string

export function speaker(language: Language): Say {
  return language === 'en' ? sayEnglish : sayChinese
}

function sayChinese(notice: Notice): string {
  switch (notice.key) {
    case 'elapsed':
      return `已用 ${formatElapsedChinese(notice.elapsedMs)} · ${chinesePhases[notice.phase ?? 'starting']}`
    case 'queued':
      return '⏳ 已收到，正在排队。'
    case 'offline':
      return '⏳ 暂时连接不上智能体，消息已保存，恢复后会继续回答。'
    case 'moved':
      return '⏳ 还没有完成，完整的回答稍后会单独发给你。'
    case 'moved_whole':
      return '完整的回答已单独发送。'
    case 'moved_lost':
      return '⏳ 时间太长，这个气泡已到时限。完整的回答无法再送到这里，请联系管理员查看。'
    case 'continued':
      return '（内容较长，其余部分稍后单独发送）'
    case 'overflow_lost':
      return '（内容过长，其余部分无法送达，请联系管理员查看）'
    case 'truncated':
      return '（内容较长，其余部分在完成后发送）'
    case 'merged':
      return '已与你的下一条消息一起回答。'
    case 'empty':
      return '智能体没有给出回答。'
    case 'failed':
      return '⚠️ 回答时出错了，请稍后再试。'
    case 'lost':
      return '⚠️ 智能体重启后没有找回这次回答，请重新提问。'
    case 'timeout':
      return '⚠️ 用时超过上限，回答已中止。'
    case 'agent_unknown':
      return '⚠️ 找不到为你服务的智能体，请联系管理员。'
    case 'stopped':
      return '⏹ 已停止。'
    case 'busy':
      return '当前消息太多，这一条没有处理，请稍后再发。'
    case 'expired':
      return '等待时间太长，这一条没有处理，请重新发送。'
    case 'expired_before':
      return '（上一条消息等待时间太长，没有处理；如仍需要请重新发送。）'
    case 'command':
      return '这里还不支持命令，请直接用文字提问。'
    case 'unknown_stream':
      return '找不到这条消息的回答，请重新发送。'
    case 'answer_in_file':
      return `回答较长（约 ${formatKilobytes(notice.bytes)}），全文见文件「${notice.fileName}」。`
    case 'answer_file_name':
      return '回答.md'
    case 'card_options':
      return '（直接回复你的选择即可）'
    case 'card_sent':
      return '已发送卡片。'
    case 'card_taken':
      return `已选择：${notice.choice}`
    default:
      return notice satisfies never
  }
}

function sayEnglish(notice: Notice): string {
  switch (notice.key) {
    case 'elapsed':
      return `${formatElapsedEnglish(notice.elapsedMs)} · ${englishPhases[notice.phase ?? 'starting']}`
    case 'queued':
      return '⏳ Received, waiting in line.'
    case 'offline':
      return '⏳ The agent cannot be reached at the moment. Your message is kept and will be answered.'
    case 'moved':
      return '⏳ Not finished yet. The whole answer will follow in a separate message.'
    case 'moved_whole':
      return 'The whole answer is sent in a separate message.'
    case 'moved_lost':
      return '⏳ This bubble has reached its time limit and the answer cannot be delivered here any more. Please ask your administrator.'
    case 'continued':
      return '(long answer: the rest follows in a separate message)'
    case 'overflow_lost':
      return '(too long: the rest could not be delivered, please ask your administrator)'
    case 'truncated':
      return '(long answer: the rest is sent when it is complete)'
    case 'merged':
      return 'Answered together with your next message.'
    case 'empty':
      return 'The agent gave no answer.'
    case 'failed':
      return '⚠️ Something went wrong while answering. Please try again later.'
    case 'lost':
      return '⚠️ The agent restarted and this answer could not be recovered. Please ask again.'
    case 'timeout':
      return '⚠️ The time limit was reached and the answer was stopped.'
    case 'agent_unknown':
      return '⚠️ The agent that should answer you does not exist. Please tell your administrator.'
    case 'stopped':
      return '⏹ Stopped.'
    case 'busy':
      return 'Too many messages at the moment: this one was not processed. Please send it again later.'
    case 'expired':
      return 'This message waited too long and was not processed. Please send it again.'
    case 'expired_before':
      return '(Your previous message waited too long and was not processed; please send it again if you still need it.)'
    case 'command':
      return 'Commands are not supported here yet. Please ask in plain words.'
    case 'unknown_stream':
      return 'The answer to this message cannot be found. Please send it again.'
    case 'answer_in_file':
      return `Long answer (about ${formatKilobytes(notice.bytes)}): all of it is in the file “${notice.fileName}”.`
    case 'answer_file_name':
      return 'answer.md'
    case 'card_options':
      return '(simply reply with your choice)'
    case 'card_sent':
      return 'The card has been sent.'
    case 'card_taken':
      return `Chosen: ${notice.choice}`
    default:
      return notice satisfies never
  }
}

const chinesePhases: Record<Phase, string> = {
  starting: '正在准备',
  thinking: '正在思考',
  tool: '正在查询',
  occupied: '会话正忙，等待中',
  resuming: '正在恢复',
}

const englishPhases: Record<Phase, string> = {
  starting: 'getting ready',
  thinking: 'thinking',
  tool: 'looking things up',
  occupied: 'waiting, the session is busy',
  resuming: 'resuming',
}

function formatElapsedChinese(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  return seconds < 60 ? `${seconds} 秒` : `${Math.floor(seconds / 60)} 分 ${seconds % 60} 秒`
}

function formatElapsedEnglish(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

function formatKilobytes(bytes: number): string {
  return `${Math.round(bytes / 1024)} KB`
}
