import { expect, test } from 'bun:test'
import { type Click, formatClick } from '../../src/domain/message.ts'

const pressed: Click = { eventKey: 'go', taskId: 't', selected: [] }
const lunch = { questionKey: 'lunch', optionIds: ['a', 'b'] }

const table: readonly (readonly [text: string, click: Click])[] = [
  ['[card] key=go task=t', pressed],
  ['[card] key=go', { ...pressed, taskId: '' }],
  ['[card] key=go task=t lunch=a,b when=', { ...pressed, selected: [lunch, { questionKey: 'when', optionIds: [] }] }],
  ['[card]', { eventKey: '', taskId: '', selected: [] }],
]
for (const [text, click] of table) {
  test(`message: a click is formatted as ${text}`, () => expect(formatClick(click)).toBe(text))
}
