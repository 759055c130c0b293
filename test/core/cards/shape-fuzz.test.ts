import { expect, test } from 'bun:test'
import { shapeCard } from '../../../src/core/cards/shape.ts'
import { type Dice, rollDice } from '../../simulation/dice.ts'
import { brokenRule } from './card-rules.ts'
import { goodCards, taskId } from './good-cards.ts'

const rounds = 5_000

const odd: readonly [unknown, ...unknown[]] = [
  null,
  '',
  ' ',
  'x',
  '1',
  '0',
  'https://example.com/o',
  '文'.repeat(400),
  'a'.repeat(129),
  '\ud800',
  0,
  1,
  2,
  3,
  -1,
  1.5,
  Number.POSITIVE_INFINITY,
  true,
  false,
  [],
  {},
  [[]],
  [null, 'a', { text: 'b' }],
  { title: 't', url: 'https://example.com/o', type: '3', question: 'q', userid: 'u', media_id: 'm' },
  { key: 7, id: 7, text: null, question_key: {} },
  JSON.parse('{"__proto__":{"title":"p"},"constructor":1,"toString":null}'),
]

const names = [...new Set(goodCards.flatMap(namesIn))]

function namesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(namesIn)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, one]) => [name, ...namesIn(one)])
}

/** Changes one random thing in a value. */
function mutated(value: unknown, dice: Dice): unknown {
  if (Array.isArray(value)) return mutatedList(value, dice)
  if (typeof value !== 'object' || value === null || dice.chance(0.05)) return dice.pick(odd)
  const entries: [string, unknown][] = Object.entries(value)
  const at = dice.below(entries.length + 1)
  const [name, one] = entries[at] ?? [names[dice.below(names.length)] ?? 'x', dice.pick(odd)]
  const rest = entries.filter((_, index) => index !== at)
  if (dice.chance(0.15)) return Object.fromEntries(rest)
  return Object.fromEntries([...rest, [name, mutated(one, dice)]])
}

function mutatedList(list: readonly unknown[], dice: Dice): unknown {
  const at = dice.below(list.length + 1)
  if (dice.chance(0.2)) return [...list, ...list.slice(0, at)]
  if (dice.chance(0.1)) return list[at]
  return [...list.slice(0, at), mutated(list[at], dice), ...list.slice(at + 1)]
}

function rawCard(dice: Dice): Record<string, unknown> {
  let card: unknown = goodCards[dice.below(goodCards.length)]
  for (let times = dice.below(6); times >= 0; times--) card = mutated(card, dice)
  return typeof card === 'object' && card !== null ? { ...card } : {}
}

test(`card-shape: ${rounds} randomly broken cards are corrected or refused`, () => {
  let passed = 0
  let changed = 0
  for (let seed = 0; seed < rounds; seed++) {
    const dice = rollDice(seed)
    const raw = rawCard(dice)
    const before = structuredClone(raw)
    const flavour = dice.chance(0.5) ? 'bot' : 'app'
    const result = shapeCard(raw, taskId, flavour)
    expect(raw, `seed ${seed}`).toEqual(before)
    if ('refused' in result) {
      expect(result.refused, `seed ${seed}`).not.toBe('')
      continue
    }
    expect(brokenRule(result.card, taskId, flavour), `seed ${seed}: ${JSON.stringify(raw)}`).toBeUndefined()
    const again = shapeCard(result.card, taskId, flavour)
    expect(again, `seed ${seed}`).toEqual({ card: result.card, modelTaskId: taskId })
    passed++
    if (!Bun.deepEquals(result.card, raw)) changed++
  }
  // The test is worthless if almost all cards are refused, or almost none is changed.
  expect(passed).toBeWithin(rounds / 5, rounds)
  expect(changed).toBeGreaterThan(rounds / 10)
})
