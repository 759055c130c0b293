import { byId, make, timeOf } from './dom.ts'
import type { WireRow } from './events.ts'

const maxRows = 200

const names: Readonly<Record<WireRow['kind'], string>> = {
  message: '消息 message',
  refresh: '刷新 refresh',
  enter: '进入 enter_chat',
  event: '事件 event',
  response: '主动回复 response_url',
  app: '应用 app',
  api: 'API',
}

/** Adds a request at the top of the network panel. */
export function showWireRow(row: WireRow): void {
  const list = byId('wire-rows')
  const isOurs = row.kind === 'response' || row.kind === 'api'
  const line = make(
    'li',
    { class: row.kind, 'data-status': String(row.status) },
    make('span', { class: 'kind' }, `${isOurs ? '←' : '→'} ${names[row.kind]}${row.name ? ` ${row.name}` : ''}`),
    make('code', { title: row.id }, row.errcode === undefined ? row.id.slice(0, 8) : `errcode ${row.errcode}`),
    make('span', { class: 'cost' }, costOf(row)),
    make('time', {}, timeOf(row.at)),
  )
  if (row.status !== 200 || (row.errcode ?? 0) !== 0 || row.violations > 0) line.classList.add('bad')
  list.prepend(line)
  while (list.children.length > maxRows) list.lastChild?.remove()
}

function costOf({ status, ms, bytes, violations }: WireRow): string {
  const size = bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KB`
  const outcome = status === 200 ? '' : `${status === 0 ? '无应答' : `HTTP ${status}`} · `
  return `${outcome}${ms === undefined ? '' : `${Math.round(ms)} ms · `}${size}${violations > 0 ? ` · ${violations} ✗` : ''}`
}
