import { expect, test } from 'bun:test'
import { deliverAnswer, type Case } from './ladder-rig.ts'

const square: Case = {
  origin: 'message',
  answer: 'late',
  chat: 'single',
  bubble: 'fetched',
  app: 'accepts',
  url: 'accepts',
}

const seen: readonly (readonly [what: string, square: Partial<Case>, sees: readonly string[]])[] = [
  ['with an app', {}, ['bubble: all, file follows', 'dm: file']],
  ['in a group', { chat: 'group' }, ['bubble: all, file follows', 'dm: file']],
  ['without an app', { app: 'none' }, ['bubble: all, file lost']],
  ['not fetched', { bubble: 'unfetched' }, ['dm: all', 'dm: file']],
  ['not fetched, without an app', { bubble: 'unfetched', app: 'none' }, ['url: all, file lost']],
  ['after the window', { bubble: 'closed' }, ['bubble: moved', 'dm: all', 'dm: file']],
  ['after the window, without an app', { bubble: 'closed', app: 'none' }, ['bubble: moved', 'url: all, file lost']],
  ['to the app', { origin: 'app', bubble: 'none', url: 'none' }, ['dm: all', 'dm: file']],
  ['to a click', { origin: 'click', bubble: 'none' }, ['url: all', 'dm: file']],
  ['to a click, without an app', { origin: 'click', bubble: 'none', app: 'none' }, ['url: all, file lost']],
]

const missed: typeof seen = [
  ['with an app', {}, ['bubble: all, file follows', 'dm: file lost, file never came']],
  ['without an app', { app: 'none' }, ['bubble: all, file lost']],
  ['after the window', { bubble: 'closed' }, ['bubble: moved', 'dm: all', 'dm: file lost, file never came']],
  ['to the app', { origin: 'app', bubble: 'none', url: 'none' }, ['dm: all', 'dm: file lost, file never came']],
]

test.each(seen)('late files: what the user sees of one %s', async (_, more, sees) => {
  expect(await deliverAnswer({ ...square, ...more })).toEqual([...sees])
})

test.each(missed)('late files: what the user sees of a missing one %s', async (_, more, sees) => {
  expect(await deliverAnswer({ ...square, answer: 'missing', ...more })).toEqual([...sees])
})

const all = [300, 600, 1_000, 1_900, 5_000, 10_000, 30_000, 60_000]

test.each([
  ['late', all.slice(0, 7)],
  ['missing', all],
  ['cut', all],
  ['short', []],
] as const)('late files: the looks for a %s one, after the end of the run', async (answer, times) => {
  const looks: number[] = []
  await deliverAnswer({ ...square, answer }, looks)
  expect(looks).toEqual([...times])
})
