import { describe, expect, test } from 'bun:test'
import type { Change } from '../../../src/domain/ports.ts'
import type { Turn } from '../../../src/domain/turn.ts'
import { streamFrame } from '../../../src/core/streaming/frame.ts'
import { type OpenSettings } from '../../../src/core/streaming/open.ts'
import { advance, nextDeadline, type TurnEvent } from '../../../src/core/streaming/advance.ts'
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

/** Each event's change, the last one last; events that change nothing are passed over. */
function changes(events: readonly TurnEvent[], more: object = {}, settings: Partial<OpenSettings> = {}): Change[] {
  const all = [opened(more, alone, settings)]
  for (const event of events) {
    const change = advance(turnOf(all.at(-1)), event, translate)
    if (change !== undefined) all.push(change)
  }
  return all
}

const ended = (said: string, more: object = {}, settings: Partial<OpenSettings> = {}) =>
  changes([claimed, asked, answered(said)], more, settings).at(-1) ?? { save: [] }
const frameOf = (turn: Turn, now = t0 + 3_000) => streamFrame(turn, { now, placeholder: '<think></think>' }, translate)
const settled = (arrived: boolean): TurnEvent => ({ kind: 'card_settled', at: t0 + 3_000, arrived })

describe('a card in an open bubble of a single chat', () => {
  const change = ended(`Look:\n\n${json}\n\nThanks`)
  const turn = turnOf(change)

  test('card: it goes by response_url with a task_id of ours, and the bubble waits', () => {
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

  test('card: once it has arrived the bubble ends with the text around it', () => {
    const after = turnOf(advance(turn, settled(true), translate))
    expect(after.card?.state).toBe('sent')
    const last = turnOf(advance(after, served(), translate))
    expect([last.state, frameOf(last)]).toEqual([
      'shown',
      expect.objectContaining({ content: 'Look:\n\nThanks', finish: true }),
    ])
  })

  test('card: with nothing around it the bubble says that it was sent', () => {
    const alone = turnOf(ended(json))
    expect(frameOf(alone).content).not.toContain('{')
    expect(turnOf(advance(alone, settled(true), translate)).answer).toBe('The card has been sent.')
  })

  test('card: one that is refused stands in the bubble as words', () => {
    const after = turnOf(advance(turn, settled(false), translate))
    expect(after.answer).toBe(`Look:\n\n${words}\n\nThanks`)
    expect(turnOf(advance(after, served(), translate)).state).toBe('shown')
  })

  test('card: after five seconds the bubble waits no longer, and what comes then changes nothing', () => {
    expect(advance(turn, { kind: 'deadline', at: t0 + 6_999 }, translate)).toBeUndefined()
    const after = turnOf(advance(turn, { kind: 'deadline', at: t0 + 7_000 }, translate))
    expect(after).toMatchObject({ state: 'closing', answer: `Look:\n\n${words}\n\nThanks` })
    expect(advance(after, settled(true), translate)).toBeUndefined()
  })

  test('card: its response_url is spent: an unfetched final does not go there', () => {
    const after = turnOf(advance(turn, settled(true), translate))
    const unfetched = advance(after, { kind: 'deadline', at: t0 + 60_000 }, translate)
    expect(unfetched?.add).toEqual([expect.objectContaining({ dead: true })])
  })
})

describe('where no card can go', () => {
  for (const [name, more, settings] of [
    ['a group', { conversation: group }, {}],
    ['a message without a response_url', { responseUrl: undefined }, {}],
  ] as const) {
    test(`card: in ${name} it stands in the answer as words`, () => {
      const change = ended(json, more, settings)
      expect(change.add).toEqual([])
      expect(turnOf(change)).toMatchObject({ state: 'closing', answer: words })
      expect(turnOf(change).card).toBeUndefined()
    })
  }

  test('card: of two cards the second is in words', () => {
    const second = JSON.stringify({ template_card: { ...button, main_title: { title: 'Really?' } } })
    const turn = turnOf(ended(`${json}\n${second}`))
    expect(turn.card?.around).toBe(words.replace('Release?', 'Really?'))
  })
})

describe('a card by direct message', () => {
  test('card: of an answer to the app it is the last message, and has its words with it', () => {
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

  test('card: alone it is the only message', () => {
    const change = ended(json, { surface: 'app', origin: 'app', responseUrl: undefined }, { dm })
    expect(change.add?.[0]?.body).toMatchObject({ kind: 'messages', messages: [{ kind: 'card', inWords: [words] }] })
  })

  test('card: after the bubble has closed it comes with the answer', () => {
    const handover: TurnEvent = { kind: 'deadline', at: t0 + 330_000 }
    const change = changes([claimed, asked, handover, answered(json, t0 + 400_000)], {}, { dm }).at(-1)
    expect(change?.add?.[0]).toMatchObject({ route: 'app', body: { messages: [{ kind: 'card' }] } })
  })
})
