import { isObject } from '../domain/json.ts'

type Section = Readonly<Record<string, unknown>>

/** The paths whose values differ, never the values. What is there on one side only is told as a whole. */
export function changedPaths(before: Section, after: Section, prefix = ''): readonly string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].flatMap(key => {
    const [old, now] = [before[key], after[key]]
    const path = prefix + key
    if (isObject(old) && isObject(now)) return changedPaths(old, now, `${path}.`)
    return Bun.deepEquals(old, now) ? [] : [path]
  })
}
