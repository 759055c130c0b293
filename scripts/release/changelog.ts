/** A release as the changelog has it. */
export interface Cut {
  readonly changelog: string
  /** What changed, without the heading of the version. */
  readonly notes: string
}

/** Throws unless `next` is a version that may follow `current`. It may be the same, for a version never released. */
export function checkVersion(current: string, next: string): void {
  if (!/^\d+\.\d+\.\d+(?:-[0-9a-z]+(?:\.[0-9a-z]+)*)?$/i.test(next))
    throw new Error(`${next} is not a version like 1.2.3`)
  if (Bun.semver.order(next, current) < 0) throw new Error(`${next} is older than ${current}`)
}

/** package.json with another version, every other byte as it was. */
export function setVersion(packageJson: string, version: string): string {
  const field = /^( {2}"version": ")[^"]*(",?)$/m
  if (!field.test(packageJson)) throw new Error('package.json has no version')
  return packageJson.replace(field, (_, before: string, after: string) => before + version + after)
}

/**
 * Moves what is unreleased under the heading of the version. A version that was cut before is left as it is, so that a
 * release can be built again.
 */
export function cutRelease(changelog: string, version: string, date: string): Cut {
  const unreleased = sectionOf(changelog, 'Unreleased')
  const released = sectionOf(changelog, version)
  if (unreleased === undefined) throw new Error('CHANGELOG.md has no "## Unreleased"')
  if (released !== undefined) {
    if (unreleased.body !== '') throw new Error(`${version} is released already, and CHANGELOG.md has newer changes`)
    return { changelog, notes: released.body }
  }
  if (unreleased.body === '') throw new Error('CHANGELOG.md has nothing under "## Unreleased"')
  const headings = `## Unreleased\n\n## ${version} - ${date}\n\n`
  const rest = changelog.slice(unreleased.end)
  const cut = `${changelog.slice(0, unreleased.start)}${headings}${unreleased.body}\n`
  return { changelog: rest === '' ? cut : `${cut}\n${rest}`, notes: unreleased.body }
}

interface Section {
  readonly start: number
  readonly end: number
  readonly body: string
}

/** From a heading of the second level to the next one, or the end. */
function sectionOf(changelog: string, name: string): Section | undefined {
  const heading = new RegExp(`^## ${RegExp.escape(name)}(?: - .*)?$`, 'm').exec(changelog)
  if (heading === null) return undefined
  const bodyAt = heading.index + heading[0].length
  const next = /^## /m.exec(changelog.slice(bodyAt))
  const end = next === null ? changelog.length : bodyAt + next.index
  return { start: heading.index, end, body: changelog.slice(bodyAt, end).trim() }
}
