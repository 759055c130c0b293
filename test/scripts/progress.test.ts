import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadProgress, type Plan, saveProgress } from '../../scripts/soak/progress.ts'

const folder = mkdtempSync(join(tmpdir(), 'wecomd-soak-'))
afterAll(() => rmSync(folder, { recursive: true }))

const file = join(folder, 'kept', 'kills.json')
const plan: Plan = { name: 'kills', commit: '52140b1f0c3d', runs: 200, seed: 1, files: [] }
const begun = { plan, piecesDone: 0, runsDone: 0, seconds: 0, failures: [] }

test('soak: it begins where nothing is kept', () => {
  expect(loadProgress(file, plan)).toEqual(begun)
})

test('soak: the same plan continues, another one begins', () => {
  const half = { ...begun, piecesDone: 5, runsDone: 100, seconds: 60, failures: [{ what: 'seed 3', again: 'run it' }] }
  saveProgress(file, half)
  expect(loadProgress(file, plan)).toEqual(half)
  for (const other of [{ commit: '52140b1f0c3d+' }, { seed: 2 }, { runs: 300 }, { files: ['test/core'] }]) {
    expect(loadProgress(file, { ...plan, ...other })).toEqual({ ...begun, plan: { ...plan, ...other } })
  }
})
