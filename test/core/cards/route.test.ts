import { describe, expect, test } from 'bun:test'
import type { Change } from '../../../src/domain/ports.ts'
import type { Turn } from '../../../src/domain/turn.ts'
import { streamFrame } from '../../../src/core/streaming/frame.ts'
import { type OpenSettings } from '../../../src/core/streaming/open.ts'
import { advance, type TurnEvent } from '../../../src/core/streaming/advance.ts'
import { nextDeadline } from '../../../src/core/streaming/deadlines.ts'
import { alone, answered, asked, claimed, opened, translate, served, t0, turnOf } from '../streaming/turns.ts'

const button = {
  card_type: 'button_interaction',
  task_id: 'mine',
  main_title: { title: 'Release?' },
  button_list: [{ text: 'Yes', key: 'y', style: 1 }],
}
const json = JSON.stringify({ template_card: button })
const words = '**Release?**\n- Yes\n(reply with your choice)'
const dm = { format: 'auto', deliverWithinMs: 86_400_000 } as const
const group = { account: 'default', kind: 'group', id: 'wr1' } as const

/** The changes of opening a turn and of each event, without events that change nothing. */
function changes(events: readonly TurnEvent[], more: object = {}, settings: Partial<OpenSettings> = {}): Change[] {
  const all = [opened(more, alone, settings)]
  for (const event of events) {
    const change = advance(turnOf(all.at(-1)), event, translate)
    if (change !== undefined) all.push(change)
  }
  return all
}

const ended = (answer: string, more: object = {}, settings: Partial<OpenSettings> = {}) =>
  changes([claimed, asked, answered(answer)], more, settings).at(-1) ?? { save: [] }
const frameOf = (turn: Turn, now = t0 + 3_000) => streamFrame(turn, { now, placeholder: '<think></think>' }, translate)
const settled = (arrived: boolean): TurnEvent => ({ kind: 'card_settled', at: t0 + 3_000, arrived })

describe('a card in an open bubble of a single chat', () => {
  const change = ended(`Look:\n\n${json}\n\nThanks`)
  const turn = turnOf(change)

  test('card: it is sent by response_url, and the bubble waits for it', () => {
    expect(change.add).toEqual([
      expect.objectContaining({ id: `${turn.id}:card`, route: 'response_url', state: 'queued', expiresAt: t0 + 7_000 }),
    ])
    const [delivery] = change.add ?? []
    expect(delivery?.body).toEqual({
      kind: 'card',
      url: 'https://qyapi.weixin.qq.com/r',
      card: expect.objectContaining({ ...button, task_id: `card_${turn.streamId}` }),
    })
    expect(turn.card).toMatchObject({ state: 'pending', modelTaskId: 'mine' })
    expect(frameOf(turn)).toMatchObject({ content: 'Look:\n\nThanks', finish: false })
    expect(advance(turn, served(), translate)).toBeUndefined()
    expect(nextDeadline(turn)).toBe(t0 + 7_000)
  })

  test('card: after it arrived, the bubble shows the text around it', () => {
    const after = turnOf(advance(turn, settled(true), translate))
    expect(after.card?.state).toBe('sent')
    const last = turnOf(advance(after, served(), translate))
    expect([last.state, frameOf(last)]).toEqual([
      'shown',
      expect.objectContaining({ content: 'Look:\n\nThanks', finish: true }),
    ])
  })

  test('card: without text around it the bubble shows that it was sent', () => {
    const alone = turnOf(ended(json))
    expect(frameOf(alone).content).not.toContain('{')
    expect(turnOf(advance(alone, settled(true), translate)).answer).toBe('The card has been sent.')
  })

  test('card: a refused card is shown in the bubble as readable text', () => {
    const after = turnOf(advance(turn, settled(false), translate))
    expect(after.answer).toBe(`Look:\n\n${words}\n\nThanks`)
    expect(turnOf(advance(after, served(), translate)).state).toBe('shown')
  })

  test('card: the bubble waits five seconds, then it is readable text', () => {
    expect(advance(turn, { kind: 'deadline', at: t0 + 6_999 }, translate)).toBeUndefined()
    const after = turnOf(advance(turn, { kind: 'deadline', at: t0 + 7_000 }, translate))
    expect(after).toMatchObject({ state: 'closing', answer: `Look:\n\n${words}\n\nThanks` })
    expect(advance(after, settled(true), translate)).toBeUndefined()
  })

  test('card: the response_url is used up, also for an unfetched answer', () => {
    const after = turnOf(advance(turn, settled(true), translate))
    const unfetched = advance(after, { kind: 'deadline', at: t0 + 60_000 }, translate)
    expect(unfetched?.add).toEqual([expect.objectContaining({ dead: true })])
  })
})

describe('where WeCom accepts no card', () => {
  for (const [name, more, settings] of [
    ['a group', { conversation: group }, {}],
    ['a message without a response_url', { responseUrl: undefined }, {}],
  ] as const) {
    test(`card: for ${name} it is readable text`, () => {
      const change = ended(json, more, settings)
      expect(change.add).toEqual([])
      expect(turnOf(change)).toMatchObject({ state: 'closing', answer: words })
      expect(turnOf(change).card).toBeUndefined()
    })
  }

  test('card: a second card is readable text', () => {
    const second = JSON.stringify({ template_card: { ...button, main_title: { title: 'Really?' } } })
    const turn = turnOf(ended(`${json}\n${second}`))
    expect(turn.card?.around).toBe(words.replace('Release?', 'Really?'))
  })
})

describe('a card by direct message', () => {
  test('card: in an answer to the app it is the last message', () => {
    const change = ended(`Look:\n\n${json}`, { surface: 'app', origin: 'app', responseUrl: undefined }, { dm })
    const [delivery] = change.add ?? []
    expect(delivery?.body).toMatchObject({
      kind: 'messages',
      messages: [
        { kind: 'text', content: 'Look:' },
        { kind: 'card', card: { task_id: `card_${turnOf(change).streamId}` }, inWords: [words] },
      ],
    })
  })

  test('card: without text around it there is no other message', () => {
    const change = ended(json, { surface: 'app', origin: 'app', responseUrl: undefined }, { dm })
    expect(change.add?.[0]?.body).toMatchObject({ kind: 'messages', messages: [{ kind: 'card', inWords: [words] }] })
  })

  test('card: after a handover it is sent with the direct message', () => {
    const handover: TurnEvent = { kind: 'deadline', at: t0 + 330_000 }
    const change = changes([claimed, asked, handover, answered(json, t0 + 400_000)], {}, { dm }).at(-1)
    expect(change?.add?.[0]).toMatchObject({ route: 'app', body: { messages: [{ kind: 'card' }] } })
  })
})
