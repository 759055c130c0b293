import { describe, expect, test } from 'bun:test'
import table from './ladder.json'
import { bringHome, type Case } from './ladder-rig.ts'

const dimensions = {
  origin: ['message', 'click', 'app'],
  answer: ['short', 'long', 'picture', 'file', 'card'],
  chat: ['single', 'group'],
  bubble: ['fetched', 'unfetched', 'closed', 'none'],
  app: ['none', 'takes', 'refuses', 'silent'],
  url: ['none', 'takes', 'refuses', 'silent'],
} as const

/** A row says what holds for all squares whose values it lists; a dimension that it leaves out may have any. */
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
  test('ladder: every combination stands in one row of the table and no row is without one', () => {
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
      test(`ladder: what the user sees of a ${answer} answer to a ${origin} is what the table says`, async () => {
        const wrong: string[] = []
        for (const square of played) {
          const [row] = rowsOf(square)
          if (square.origin !== origin || square.answer !== answer || row?.sees === undefined) continue
          const sees = await bringHome(square)
          // The operator's list is not in the order of events.
          const isEqual = Bun.deepEquals(sees.toSorted(byKind), [...row.sees].toSorted(byKind))
          if (!isEqual) wrong.push(`${nameOf(square)}\n  is    ${sees.join(' | ')}\n  table ${row.sees.join(' | ')}`)
        }
        expect(wrong.join('\n')).toBe('')
      })
    }
  }
})

/** What is seen keeps its order, what is dead is compared in any. */
function byKind(one: string, other: string): number {
  const isDead = (text: string) => text.startsWith('dead')
  if (isDead(one) && isDead(other)) return one < other ? -1 : 1
  return Number(isDead(one)) - Number(isDead(other))
}
