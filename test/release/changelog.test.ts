import { expect, test } from 'bun:test'
import { checkVersion, cutRelease, setVersion } from '../../scripts/release/changelog.ts'

const head = '# Changelog\n\nWhat changes.\n\n'
const added = '### Added\n\n- Cards.\n\n### Fixed\n\n- Clicks.'
const older = '## 0.1.0 - 2026-11-01\n\n### Added\n\n- Everything.\n'

test('release: unreleased changes become the section of the version', () => {
  const { changelog, notes } = cutRelease(`${head}## Unreleased\n\n${added}\n\n${older}`, '0.2.0', '2026-12-01')
  expect(changelog).toBe(`${head}## Unreleased\n\n## 0.2.0 - 2026-12-01\n\n${added}\n\n${older}`)
  expect(notes).toBe(added)
})

test('release: the first version needs no older section', () => {
  const { changelog } = cutRelease(`${head}## Unreleased\n\n${added}\n`, '0.1.0', '2026-12-01')
  expect(changelog).toBe(`${head}## Unreleased\n\n## 0.1.0 - 2026-12-01\n\n${added}\n`)
})

test('release: a version that was cut before keeps its section and date', () => {
  const { changelog } = cutRelease(`${head}## Unreleased\n\n${added}\n\n${older}`, '0.2.0', '2026-12-01')
  expect(cutRelease(changelog, '0.2.0', '2027-01-01')).toEqual({ changelog, notes: added })
})

const refused: readonly (readonly [string, string, string])[] = [
  ['no heading for what is unreleased', `${head}${older}`, 'CHANGELOG.md has no "## Unreleased"'],
  ['nothing that is unreleased', `${head}## Unreleased\n\n${older}`, 'CHANGELOG.md has nothing under "## Unreleased"'],
  [
    'changes after this version was cut',
    `${head}## Unreleased\n\n- More.\n\n## 0.2.0 - 2026-12-01\n\n- Cards.\n`,
    '0.2.0 is released already, and CHANGELOG.md has newer changes',
  ],
]

test.each(refused)('release: a changelog is refused that has %s', (_, changelog, message) => {
  expect(() => cutRelease(changelog, '0.2.0', '2026-12-01')).toThrow(message)
})

test('release: 0.2.0 does not take the section of 0.2.01 or of 0x2.0', () => {
  const lookalikes = '## 0.2.01 - 2026-11-02\n\n- One.\n\n## 0x2.0 - 2026-11-01\n\n- Two.\n'
  expect(cutRelease(`${head}## Unreleased\n\n${added}\n\n${lookalikes}`, '0.2.0', '2026-12-01').notes).toBe(added)
})

test('release: package.json gets the version and keeps every other byte', () => {
  const text = '{\n  "name": "x",\n  "version": "0.1.0",\n  "nested": {\n    "version": "9.9.9"\n  }\n}\n'
  expect(setVersion(text, '0.2.0')).toBe(text.replace('0.1.0', '0.2.0'))
  expect(() => setVersion('{}', '0.2.0')).toThrow('package.json has no version')
})

test.each(['0.1.0', '0.1.1', '0.2.0-rc.1', '1.0.0', '0.10.0'])('release: %s may follow 0.1.0', version => {
  expect(() => checkVersion('0.1.0', version)).not.toThrow()
})

test.each(['v0.2.0', '0.2', '0.2.0.1', '0.2.0-', '0.2.0 ', '', '--all'])(
  'release: "%s" is refused as a version',
  version => {
    expect(() => checkVersion('0.1.0', version)).toThrow('is not a version like 1.2.3')
  },
)

test.each(['0.0.9', '0.1.0-rc.1'])('release: %s is refused as older than 0.1.0', version => {
  expect(() => checkVersion('0.1.0', version)).toThrow(`${version} is older than 0.1.0`)
})
