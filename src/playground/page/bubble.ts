import { cardOf } from './card.ts'
import { label, make, timeOf } from './dom.ts'
import type { Item } from './events.ts'

type Of<Kind extends Item['kind']> = Extract<Item, { readonly kind: Kind }>

const userStates: Readonly<Record<string, readonly [string, string]>> = {
  sending: ['发送中', 'sending'],
  lost: ['没有应答', 'no answer'],
  dropped: ['未送达机器人', 'not delivered to the Bot'],
  silent: ['机器人未回复', 'no reply from the Bot'],
}

const noteLabels: Readonly<Record<Of<'note'>['label'], readonly [string, string]>> = {
  markdown: ['主动回复', 'sent by response_url'],
  card: ['模板卡片', 'template card'],
  welcome: ['欢迎语', 'welcome message'],
}

/** Renders a user's message, on the right if it is from the active user. */
export function renderUser(item: Of<'user'>, name: string, isMine: boolean): HTMLElement {
  const state = userStates[item.state]
  const box = make('div', { class: 'bubble' }, item.text)
  const body = make('div', { class: 'body' }, make('div', { class: 'who' }, name), box)
  if (state) body.append(make('div', { class: 'state', 'data-state': item.state }, label(...state)))
  return row(item, isMine ? 'mine' : 'theirs', avatar(name, item.userid), body)
}

/** Renders the streamed answer of the Bot. */
export function renderBot(item: Of<'bot'>, botName: string, wasOpen: boolean): HTMLElement {
  const box = make('div', { class: 'bubble' }, ...contentOf(item.content, item.state === 'open', wasOpen))
  const body = make('div', { class: 'body' }, botNameOf(botName), box, botState(item))
  return row(item, 'theirs bot', avatar(botName, 'bot'), body)
}

/** Renders an answer that was sent outside of the bubble. */
export function renderNote(item: Of<'note'>, botName: string): HTMLElement {
  const box = make('div', { class: 'bubble' })
  if (item.quote !== '') box.append(make('blockquote', {}, item.quote))
  box.append(item.label === 'card' ? cardOf(item.text) : item.text)
  const state = make('div', { class: 'state' }, label(...noteLabels[item.label]), ` · ${timeOf(item.at)}`)
  const body = make('div', { class: 'body' }, botNameOf(botName), box, state)
  return row(item, 'theirs bot note', avatar(botName, 'bot'), body)
}

/** Renders one row of the conversation. */
export function row(item: Item, side: string, picture: HTMLElement, body: HTMLElement): HTMLElement {
  return make('article', { class: `row ${side}`, 'data-key': item.key }, picture, body)
}

export function avatar(name: string, seed: string): HTMLElement {
  const hue = seed.split('').reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 0)
  const picture = make('span', { class: 'avatar', 'aria-hidden': 'true' }, seed === 'bot' ? 'AI' : name.slice(0, 1))
  picture.style.setProperty('--hue', seed === 'bot' ? '158' : String(hue))
  return picture
}

function botNameOf(botName: string): HTMLElement {
  return make('div', { class: 'who' }, botName, make('span', { class: 'tag' }, '机器人'))
}

function botState(item: Of<'bot'>): HTMLElement {
  const state = make('div', { class: 'state', 'data-state': item.state, 'data-frames': String(item.frames) })
  if (item.state === 'finished') state.append('✓ ', label('已完成', 'finished'), ` · ${timeOf(item.at)}`)
  else if (item.state === 'expired') state.append(label('已超时，不再更新', 'timed out'))
  else state.append(label('正在回复', 'answering'))
  return state
}

/** Shows `<think>…</think>` as a collapsible block, an empty or unclosed one as an animation, and the rest as plain text. */
function contentOf(content: string, isOpen: boolean, wasOpen: boolean): (Node | string)[] {
  const parts: (Node | string)[] = []
  let rest = content
  for (
    let found = /<think>([\s\S]*?)(<\/think>|$)/.exec(rest);
    found;
    found = /<think>([\s\S]*?)(<\/think>|$)/.exec(rest)
  ) {
    parts.push(rest.slice(0, found.index))
    const thought = found[1]?.trim() ?? ''
    if (thought !== '') parts.push(fold(thought, wasOpen))
    if (isOpen && (thought === '' || found[2] === '')) parts.push(thinkingDots())
    rest = rest.slice(found.index + found[0].length)
    if (rest.startsWith('\n')) rest = rest.slice(1)
  }
  return [...parts, rest].filter(part => part !== '')
}

function fold(thought: string, wasOpen: boolean): HTMLElement {
  const details = make(
    'details',
    { class: 'thought' },
    make('summary', {}, label('思考过程', 'reasoning')),
    make('div', {}, thought),
  )
  details.open = wasOpen
  return details
}

function thinkingDots(): HTMLElement {
  const dots = make('span', { class: 'dots', role: 'img', 'aria-label': '正在思考 thinking' })
  dots.append(make('i'), make('i'), make('i'))
  return dots
}
