import type { Outcome } from '../../domain/delivery.ts'
import type { Clock } from '../../world.ts'
import type { AppApi } from './app.ts'
import type { ApiReply } from './http.ts'
import { refused } from './outcome.ts'

const cacheMs = 600_000
/** For an unknown name the list is loaded again, but at most this often. */
const reloadMs = 60_000
/** Room for tens of thousands of tags. */
const listLimitBytes = 4 * 1024 * 1024

/** Errcodes for an app that is not allowed to call tag/list. It can still send to tag ids. */
const notPermitted: readonly (number | undefined)[] = [48_002, 60_011]

interface TagList {
  readonly at: number
  /** Tag ids by name. Several tags may have the same name. */
  readonly ids: ReadonlyMap<string, readonly string[]>
}

/** Resolves tag names to ids for one app, because message/send accepts only ids. */
export class Tags {
  private readonly api: AppApi
  private readonly clock: Pick<Clock, 'now'>
  private list: TagList | undefined
  private pending: Promise<TagList | Outcome> | undefined

  constructor(api: AppApi, clock: Pick<Clock, 'now'>) {
    this.api = api
    this.clock = clock
  }

  /** Resolves tags in order: digits are ids, anything else is a name. Returns an outcome if one cannot be resolved. */
  async resolve(tags: readonly string[]): Promise<readonly string[] | Outcome> {
    const names = tags.filter(tag => !isId(tag))
    if (names.length === 0) return tags
    const knows = (list: TagList) => names.every(name => list.ids.has(name))
    let list = await this.load(cacheMs)
    if (!('outcome' in list) && !knows(list)) list = await this.load(reloadMs)
    if ('outcome' in list) return list
    const { ids } = list
    const unknown = names.find(name => !ids.has(name))
    if (unknown !== undefined) return unknownTag(unknown, ids.size)
    const ambiguous = names.find(name => (ids.get(name)?.length ?? 0) > 1)
    if (ambiguous !== undefined) return ambiguousTag(ambiguous, ids.get(ambiguous) ?? [])
    return [...new Set(tags.map(tag => (isId(tag) ? tag : (ids.get(tag)?.[0] ?? tag))))]
  }

  private async load(maxAgeMs: number): Promise<TagList | Outcome> {
    if (this.list !== undefined && this.clock.now() - this.list.at < maxAgeMs) return this.list
    this.pending ??= this.fetchList().finally(() => {
      this.pending = undefined
    })
    return await this.pending
  }

  private async fetchList(): Promise<TagList | Outcome> {
    const result = await this.api.call('tag/list', { isRepeatable: true, limitBytes: listLimitBytes })
    if (!('outcome' in result)) {
      this.list = { at: this.clock.now(), ids: decodeTags(result.answer) }
      return this.list
    }
    if (!notPermitted.includes(result.errcode)) return result
    const { hold: _, ...known } = result
    return { ...known, outcome: 'refused', hint: 'this app is not allowed to read tag names: use the id, tag:<number>' }
  }
}

function isId(tag: string): boolean {
  return /^\d+$/.test(tag)
}

function unknownTag(name: string, count: number): Outcome {
  return refused(`no tag is named ${name}`, `this app sees ${count} tags: check the name, or use the id, tag:<number>`)
}

function ambiguousTag(name: string, ids: readonly string[]): Outcome {
  const targets = ids.map(id => `tag:${id}`)
  return refused(`${ids.length} tags are named ${name}: ${ids.join(' and ')}`, `use the id: ${targets.join(' or ')}`)
}

/** `{"taglist":[{"tagid":1,"tagname":"a"}]}` (page 90216). */
function decodeTags({ fields }: ApiReply): ReadonlyMap<string, readonly string[]> {
  const list: readonly unknown[] = Array.isArray(fields['taglist']) ? fields['taglist'] : []
  const named = list.flatMap(tag => {
    if (typeof tag !== 'object' || tag === null || !('tagid' in tag) || !('tagname' in tag)) return []
    return typeof tag.tagname === 'string' ? [{ name: tag.tagname, id: String(tag.tagid) }] : []
  })
  const groups = Map.groupBy(named, ({ name }) => name)
  return new Map(Array.from(groups, ([name, tags]) => [name, [...new Set(tags.map(({ id }) => id))]]))
}
