import type { Outcome } from '../../domain/delivery.ts'
import type { Clock } from '../../world.ts'
import type { AppApi } from './app.ts'
import type { ApiReply } from './http.ts'
import { refused } from './outcome.ts'

const keptMs = 600_000
/** A name that is not in the list may have been made since, but not that often. */
const settledMs = 60_000
/** Room for tens of thousands of tags. */
const listLimitBytes = 4 * 1024 * 1024

/** Codes that say that tag/list is not for this app, which does not mean that it cannot send. */
const notForUs: readonly (number | undefined)[] = [48_002, 60_011]

interface TagList {
  readonly at: number
  /** By name; several tags may have one. */
  readonly ids: ReadonlyMap<string, readonly string[]>
}

/** The tags of one app by name: message/send takes ids only. */
export class Tags {
  private readonly api: AppApi
  private readonly clock: Pick<Clock, 'now'>
  private list: TagList | undefined
  private flight: Promise<TagList | Outcome> | undefined

  constructor(api: AppApi, clock: Pick<Clock, 'now'>) {
    this.api = api
    this.clock = clock
  }

  /** Ids for ids (digits) and names, in this order; or why there is none for one of them. */
  async resolve(tags: readonly string[]): Promise<readonly string[] | Outcome> {
    const names = tags.filter(tag => !isId(tag))
    if (names.length === 0) return tags
    const knows = (list: TagList) => names.every(name => list.ids.has(name))
    let list = await this.load(keptMs)
    if (!('outcome' in list) && !knows(list)) list = await this.load(settledMs)
    if ('outcome' in list) return list
    const { ids } = list
    const unknown = names.find(name => !ids.has(name))
    if (unknown !== undefined) return unknownTag(unknown, ids.size)
    const twin = names.find(name => (ids.get(name)?.length ?? 0) > 1)
    if (twin !== undefined) return ambiguousTag(twin, ids.get(twin) ?? [])
    return [...new Set(tags.map(tag => (isId(tag) ? tag : (ids.get(tag)?.[0] ?? tag))))]
  }

  private async load(youngerThanMs: number): Promise<TagList | Outcome> {
    if (this.list !== undefined && this.clock.now() - this.list.at < youngerThanMs) return this.list
    this.flight ??= this.fetchList().finally(() => {
      this.flight = undefined
    })
    return await this.flight
  }

  private async fetchList(): Promise<TagList | Outcome> {
    const result = await this.api.call('tag/list', { free: true, limitBytes: listLimitBytes })
    if (!('outcome' in result)) {
      this.list = { at: this.clock.now(), ids: decodeTags(result.answer) }
      return this.list
    }
    if (!notForUs.includes(result.errcode)) return result
    const { hold: _, ...known } = result
    return { ...known, outcome: 'refused', hint: 'this app may not read the names of tags: write the id, tag:<number>' }
  }
}

function isId(tag: string): boolean {
  return /^\d+$/.test(tag)
}

function unknownTag(name: string, count: number): Outcome {
  return refused(
    `no tag is called ${name}`,
    `this app sees ${count} tags: check the name, or write the id, tag:<number>`,
  )
}

function ambiguousTag(name: string, ids: readonly string[]): Outcome {
  const targets = ids.map(id => `tag:${id}`)
  return refused(`${ids.length} tags are called ${name}: ${ids.join(' and ')}`, `write the id: ${targets.join(' or ')}`)
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
