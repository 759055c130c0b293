import { byId, make, timeOf } from './dom.ts'
import type { WireRow } from './events.ts'

const mostRows = 200

const names: Readonly<Record<string, string>> = {
  message: '消息 message',
  refresh: '刷新 refresh',
  enter: '进入 enter_chat',
  event: '事件 event',
  response: '主动回复 response_url',
}

/** Puts one request on top of the list. */
export function showWireRow(row: WireRow): void {
  const list = byId('wire-rows')
  const line = make(
    'li',
    { class: row.kind, 'data-status': String(row.status) },
    make('span', { class: 'kind' }, `${row.kind === 'response' ? '←' : '→'} ${names[row.kind] ?? row.kind}`),
    make('code', { title: row.id }, row.id.slice(0, 8)),
    make('span', { class: 'cost' }, costOf(row)),
    make('time', {}, timeOf(row.at)),
  )
  if (row.status !== 200 || row.complaints > 0) line.classList.add('bad')
  list.prepend(line)
  while (list.children.length > mostRows) list.lastChild?.remove()
}

function costOf({ status, ms, bytes, complaints }: WireRow): string {
  const size = bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KB`
  const outcome = status === 200 ? '' : `${status === 0 ? '无应答' : `HTTP ${status}`} · `
  return `${outcome}${ms === undefined ? '' : `${Math.round(ms)} ms · `}${size}${complaints > 0 ? ` · ${complaints} ✗` : ''}`
}
