import { isObject } from '../domain/json.ts'

type Section = Readonly<Record<string, unknown>>

/**
 * Lists the paths at which two configs differ, so that a reload can log them. Values are never returned: they may be secrets.
 * A section or list that exists on one side only is reported as one path.
 */
export function changedPaths(before: Section, after: Section, prefix = ''): readonly string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].flatMap(key => {
    const [old, now] = [before[key], after[key]]
    const path = prefix + key
    if (isObject(old) && isObject(now)) return changedPaths(old, now, `${path}.`)
    return Bun.deepEquals(old, now) ? [] : [path]
  })
}
