/** The task_id of all cards here. They are valid, and together have every field that WeCom accepts. */
export const taskId = 'our-task_1@b'

const source = { icon_url: 'https://example.com/i.png', desc: '运维', desc_color: 1 }
const menu = { desc: '更多操作', action_list: [{ text: '忽略', key: 'mute' }] }
const title = { title: '发布 1.2？', desc: '今晚 22:00' }
const quote = { type: 1, url: 'https://example.com/q', title: '变更单', quote_text: '灰度完成' }
const page = { type: 1, url: 'https://example.com/c' }
const mini = { type: 2, appid: 'wx1', pagepath: '/a' }
const lines = [
  { keyname: '版本', value: '1.2' },
  { keyname: '详情', value: '打开', type: 1, url: 'https://example.com/d' },
  { keyname: '负责人', type: 3, userid: 'zhangsan' },
]
const jumps = [
  { title: '日志', type: 1, url: 'https://example.com/l' },
  { title: '小程序', ...mini },
]
const options = [
  { id: 'a', text: '今天' },
  { id: 'b', text: '明天' },
]
const selection = { question_key: 'when', title: '时间', option_list: options, selected_id: 'a' }

export const textNotice = {
  card_type: 'text_notice',
  source,
  action_menu: menu,
  main_title: title,
  emphasis_content: { title: '100', desc: '单' },
  quote_area: quote,
  sub_title_text: '请查看',
  horizontal_content_list: lines,
  jump_list: jumps,
  card_action: page,
  task_id: taskId,
}

export const newsNotice = {
  card_type: 'news_notice',
  source,
  action_menu: menu,
  main_title: title,
  quote_area: quote,
  card_image: { url: 'https://example.com/p.png', aspect_ratio: 2 },
  image_text_area: { ...mini, title: '左图', desc: '右文', image_url: 'https://example.com/s.png' },
  vertical_content_list: [{ title: '影响', desc: '无' }],
  horizontal_content_list: lines,
  jump_list: jumps,
  card_action: mini,
  task_id: taskId,
}

export const buttons = {
  card_type: 'button_interaction',
  source,
  action_menu: menu,
  main_title: title,
  quote_area: quote,
  sub_title_text: '请确认',
  horizontal_content_list: lines,
  button_selection: selection,
  button_list: [
    { text: '发布', style: 1, key: 'go' },
    { text: '取消', style: 2, key: 'no' },
  ],
  card_action: page,
  task_id: taskId,
}

export const vote = {
  card_type: 'vote_interaction',
  source,
  main_title: title,
  checkbox: { question_key: 'lunch', mode: 1, option_list: [{ id: 'a', text: '面', is_checked: true }, options[1]] },
  submit_button: { text: '投票', key: 'done' },
  task_id: taskId,
}

export const multiple = {
  card_type: 'multiple_interaction',
  source,
  main_title: title,
  select_list: [selection, { question_key: 'where', option_list: options }],
  submit_button: { text: '好', key: 'done' },
  task_id: taskId,
}

export const goodCards = [textNotice, newsNotice, buttons, vote, multiple] as const
