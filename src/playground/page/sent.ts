import { avatar, row } from './bubble.ts'
import { cardOf } from './card.ts'
import { label, make, timeOf } from './dom.ts'
import type { Item, PageFile } from './events.ts'

type Sent = Extract<Item, { readonly kind: 'sent' }>

const whatLabels: Readonly<Record<Sent['what'], readonly [string, string]>> = {
  text: ['文本', 'text'],
  markdown: ['Markdown', 'markdown'],
  card: ['模板卡片', 'template card'],
  news: ['图文', 'news'],
  media: ['文件', 'file'],
}

/** Renders a message of the app or of a group robot. */
export function renderSent(item: Sent): HTMLElement {
  const tag = make('span', { class: 'tag' }, item.by === 'app' ? '应用' : '群机器人')
  const who = make('div', { class: 'who' }, item.name, tag)
  const box = make('div', { class: 'bubble' }, contentOf(item))
  const state = make('div', { class: 'state' }, label(...whatLabels[item.what]), ` · ${timeOf(item.at)}`)
  const body = make('div', { class: 'body' }, who, box, state)
  return row(item, `theirs sent ${item.by}`, avatar(item.name, item.by), body)
}

function contentOf({ what, text, file }: Sent): Node | string {
  switch (what) {
    case 'text':
    case 'markdown':
      return text
    case 'media':
      return file ? fileChip(file) : text
    case 'card':
    case 'news':
      return cardOf(text)
    default:
      return what satisfies never
  }
}

function fileChip({ type, name, bytes, href }: PageFile): HTMLElement {
  const words = make('span', {}, name === '' ? type : name, make('small', {}, sizeOf(bytes)))
  if (href === undefined) return make('span', { class: 'file' }, words)
  const link = make('a', { class: 'file', href, download: name, title: '下载 download' }, words)
  if (type === 'image') link.prepend(make('img', { src: href, alt: name }))
  return link
}

function sizeOf(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1_048_576 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1_048_576).toFixed(1)} MB`
}
