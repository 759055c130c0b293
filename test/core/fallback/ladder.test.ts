import { describe, expect, test } from 'bun:test'
import table from './ladder.json'
import { type Case, deliverAnswer } from './ladder-rig.ts'

const dimensions = {
  origin: ['message', 'click', 'app'],
  answer: ['short', 'long', 'picture', 'file', 'card'],
  chat: ['single', 'group'],
  bubble: ['fetched', 'unfetched', 'closed', 'none'],
  app: ['none', 'accepts', 'refuses', 'silent'],
  url: ['none', 'accepts', 'refuses', 'silent'],
} as const

/** A row applies to all squares with the values it lists. A dimension that it doesn't list may have any value. */
interface Row extends Partial<Record<keyof Case, readonly string[]>> {
  readonly sees?: readonly string[]
  readonly impossible?: string
}

const rows: readonly Row[] = table
const keys = ['origin', 'answer', 'chat', 'bubble', 'app', 'url'] as const

function* squares(): Generator<Case> {
  for (const origin of dimensions.origin)
    for (const answer of dimensions.answer)
      for (const chat of dimensions.chat)
        for (const bubble of dimensions.bubble)
          for (const app of dimensions.app)
            for (const url of dimensions.url) yield { origin, answer, chat, bubble, app, url }
}

const nameOf = (square: Case) => keys.map(key => `${key}=${square[key]}`).join(' ')
const rowsOf = (square: Case) => rows.filter(row => keys.every(key => row[key]?.includes(square[key]) ?? true))

/** The squares that are played: all, but in the unit tier the first of each row. */
const played =
  process.env.WECOMD_TEST_TIER === 'unit'
    ? [...new Map([...squares()].toReversed().map(square => [rowsOf(square)[0], square])).values()]
    : [...squares()]

describe('the ladder, by its table', () => {
  test('ladder: the table has exactly one row for every combination', () => {
    const all = [...squares()]
    expect(all).toHaveLength(1_920)
    expect(all.filter(square => rowsOf(square).length !== 1).map(nameOf)).toEqual([])
    expect(rows.filter(row => !all.some(square => rowsOf(square).includes(row)))).toEqual([])
    const impossible = all.filter(square => rowsOf(square)[0]?.impossible !== undefined)
    expect(impossible).toHaveLength(1_265)
    const values = rows.flatMap(row => keys.flatMap(key => (row[key] ?? []).map(value => [key, value] as const)))
    const known: Readonly<Record<string, readonly string[]>> = dimensions
    expect(values.filter(([key, value]) => known[key]?.includes(value) !== true)).toEqual([])
  })

  for (const origin of dimensions.origin) {
    for (const answer of dimensions.answer) {
      test(`ladder: a ${answer} answer to a ${origin} is shown as in the table`, async () => {
        const wrong: string[] = []
        for (const square of played) {
          const [row] = rowsOf(square)
          if (square.origin !== origin || square.answer !== answer || row?.sees === undefined) continue
          const sees = await deliverAnswer(square)
          // The operator's list of dead letters has no fixed order.
          const isEqual = Bun.deepEquals(sees.toSorted(byKind), [...row.sees].toSorted(byKind))
          if (!isEqual) wrong.push(`${nameOf(square)}\n  is    ${sees.join(' | ')}\n  table ${row.sees.join(' | ')}`)
        }
        expect(wrong.join('\n')).toBe('')
      })
    }
  }
})

/** Moves dead letters to the end, sorted. The order of the rest matters. */
function byKind(one: string, other: string): number {
  const isDead = (text: string) => text.startsWith('dead')
  if (isDead(one) && isDead(other)) return one < other ? -1 : 1
  return Number(isDead(one)) - Number(isDead(other))
}
