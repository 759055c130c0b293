import { avatar, renderBot, renderNote, renderUser } from './bubble.ts'
import { byId, label, make } from './dom.ts'
import type { Conversation, FromPage, Item, ToPage } from './events.ts'
import { renderSent } from './sent.ts'
import { showWireRow } from './wire.ts'

type Hello = ToPage & { readonly kind: 'hello' }

interface State {
  hello: Hello | undefined
  active: string
  writer: string
  /** When the page connected. Older items do not count as unread. */
  since: number
  readonly items: Map<string, Item>
  readonly unread: Set<string>
}

const state: State = { hello: undefined, active: '', writer: '', since: 0, items: new Map(), unread: new Set() }
const log = byId('log')
const text = byId('text') as HTMLTextAreaElement // as in index.html
let socket: WebSocket | undefined

connect()

function connect(): void {
  const link = byId('link')
  socket = new WebSocket(`${location.origin.replace('http', 'ws')}/live`)
  socket.addEventListener('message', message => receive(JSON.parse(String(message.data)) as ToPage))
  socket.addEventListener('open', () => {
    link.dataset['state'] = 'up'
    link.title = '已连接 connected'
  })
  socket.addEventListener('close', () => {
    link.dataset['state'] = 'down'
    link.title = '已断开，重连中 reconnecting'
    setTimeout(connect, 1000)
  })
}

function send(message: FromPage): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
}

function receive(message: ToPage): void {
  if (message.kind === 'hello') return start(message)
  if (message.kind === 'wire') return showWireRow(message.row)
  const { item } = message
  state.items.set(item.key, item)
  if (item.conversation === state.active) showItem(item)
  else if (item.at >= state.since) state.unread.add(item.conversation)
  showConversations()
}

/** Resets the page: after each connect, the server sends everything again. */
function start(hello: Hello): void {
  state.hello = hello
  state.since = Date.now()
  state.items.clear()
  byId('wire-rows').replaceChildren()
  byId('addresses').textContent = hello.addresses.join('\n')
  select(state.active === '' ? (hello.conversations[0]?.id ?? '') : state.active)
}

function select(id: string): void {
  state.active = id
  state.unread.delete(id)
  const conversation = activeConversation()
  if (!conversation) return
  if (!conversation.members.includes(state.writer)) state.writer = conversation.members[0] ?? ''
  byId('title').replaceChildren(conversation.name, make('small', {}, describe(conversation)))
  showConversations()
  showWriters(conversation)
  showHints(conversation)
  showLog()
  text.focus()
  if (conversation.kind !== 'group') send({ kind: 'enter', conversation: id })
}

function showHints({ hints }: Conversation): void {
  const chips = hints.map(hint => make('button', { type: 'button', class: 'chip' }, hint))
  for (const chip of chips) chip.addEventListener('click', () => say(chip.textContent ?? ''))
  byId('hints').replaceChildren(...chips)
}

function describe(conversation: Conversation): string {
  if (conversation.kind === 'single') return `与机器人 ${botName()} 的单聊 single chat`
  if (conversation.kind === 'app') return '与自建应用的会话 self-built app'
  return `${conversation.members.length + 1} 人群聊 group · 自动 @${botName()}`
}

function showConversations(): void {
  const all = state.hello?.conversations ?? []
  const rows = all.map(conversation => {
    const last = itemsOf(conversation.id).at(-1)
    const preview = last ? previewOf(last) : ''
    const picture = avatar(conversation.name, conversation.id)
    const words = make('span', { class: 'words' }, conversation.name, make('small', {}, preview.slice(0, 40) || '—'))
    const row = make('button', { type: 'button', 'data-conversation': conversation.id }, picture, words)
    if (conversation.id === state.active) row.setAttribute('aria-current', 'true')
    if (state.unread.has(conversation.id)) row.append(make('span', { class: 'unread', title: '新消息 new' }))
    row.addEventListener('click', () => select(conversation.id))
    return row
  })
  const first = rows[all.findIndex(conversation => conversation.kind === 'app')]
  byId('conversations').replaceChildren(make('h2', {}, label('机器人', 'bot')), ...rows)
  first?.before(make('h2', {}, label('应用', 'app')))
}

function previewOf(item: Item): string {
  if (item.kind === 'sent' && item.what !== 'text' && item.what !== 'markdown')
    return item.file ? `[${item.file.name || item.file.type}]` : '[卡片]'
  return (item.kind === 'bot' ? item.content : item.text).replaceAll(/<\/?think>/g, '')
}

function showWriters({ kind, members }: Conversation): void {
  const buttons = members.map(userid => {
    const button = make('button', { type: 'button', 'data-writer': userid }, nameOf(userid))
    button.setAttribute('aria-pressed', String(userid === state.writer))
    button.addEventListener('click', () => {
      state.writer = userid
      select(state.active)
    })
    return button
  })
  byId('writers').replaceChildren(...(kind === 'group' ? [label('我是', 'as'), ...buttons] : []))
}

function showLog(): void {
  const items = itemsOf(state.active)
  if (items.length === 0) {
    const words = label('还没有消息，发一条试试', 'no messages yet, send one')
    log.replaceChildren(make('p', { class: 'empty' }, words))
  } else log.replaceChildren(...items.map(item => render(item)))
  log.scrollTop = log.scrollHeight
}

/** Adds or replaces the row of an item. Keeps the end in view if it was in view before. */
function showItem(item: Item): void {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80
  const old = log.querySelector<HTMLElement>(`[data-key="${CSS.escape(item.key)}"]`)
  const row = render(item, old)
  if (old) old.replaceWith(row)
  else {
    log.querySelector('.empty')?.remove()
    log.append(row)
  }
  if (atEnd || item.kind === 'user') log.scrollTop = log.scrollHeight
}

function render(item: Item, old?: HTMLElement | null): HTMLElement {
  if (item.kind === 'user') return renderUser(item, nameOf(item.userid), item.userid === state.writer)
  if (item.kind === 'note') return renderNote(item, botName())
  if (item.kind === 'sent') return renderSent(item)
  return renderBot(item, botName(), old?.querySelector('details')?.open ?? false)
}

function say(words: string): void {
  if (words.trim() === '' || state.active === '') return
  send({ kind: 'say', conversation: state.active, userid: state.writer, text: words })
}

function itemsOf(conversation: string): Item[] {
  return [...state.items.values()].filter(item => item.conversation === conversation)
}

function activeConversation(): Conversation | undefined {
  return state.hello?.conversations.find(conversation => conversation.id === state.active)
}

function nameOf(userid: string): string {
  return state.hello?.people.find(person => person.userid === userid)?.name ?? userid
}

function botName(): string {
  return state.hello?.botName ?? ''
}

function fitText(): void {
  text.style.height = 'auto'
  text.style.height = `${Math.min(text.scrollHeight, 160)}px`
}

byId('composer').addEventListener('submit', event => {
  event.preventDefault()
  say(text.value)
  text.value = ''
  fitText()
})

text.addEventListener('input', fitText)
text.addEventListener('keydown', event => {
  // While an input method is composing, Enter selects a word.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
  event.preventDefault()
  ;(byId('composer') as HTMLFormElement).requestSubmit()
})

function showWire(isShown: boolean): void {
  byId('wire').hidden = !isShown
  byId('wire-toggle').setAttribute('aria-expanded', String(isShown))
}

byId('wire-toggle').addEventListener('click', () => showWire(byId('wire').hidden !== false))
byId('wire-close').addEventListener('click', () => showWire(false))
showWire(innerWidth >= 1100)
