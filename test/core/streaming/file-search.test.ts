import { describe, expect, test } from 'bun:test'
import type { AgentFile, FileSearch } from '../../../src/domain/agent.ts'
import type { Inbound } from '../../../src/domain/message.ts'
import type { Change } from '../../../src/domain/ports.ts'
import type { Turn } from '../../../src/domain/turn.ts'
import { afterLook, type Look, remainingLooks } from '../../../src/core/streaming/file-search.ts'
import { streamFrame } from '../../../src/core/streaming/frame.ts'
import { advance, type TurnEvent } from '../../../src/core/streaming/advance.ts'
import { nextDeadline } from '../../../src/core/streaming/deadlines.ts'
import { alone, asked, claimed, deadline, jobsOf, opened, served, t0, translate, turnOf } from './turns.ts'

const dm = { format: 'text', deliverWithinMs: 86_400_000 } as const
const png: AgentFile = { id: 'a1', fileName: 'out.png', mimeType: 'image/png' }
const csv: AgentFile = { id: 'a2', fileName: 'report.csv', mimeType: 'text/csv' }
const refused: AgentFile = { fileName: 'x.html', mimeType: 'text/html' }
const at = t0 + 2_000
const looks = [300, 600, 1_000, 1_900, 5_000, 10_000, 30_000, 60_000]

const ended = (search: Partial<FileSearch> = {}, said = 'done', when = at): TurnEvent => ({
  kind: 'run_ended',
  at: when,
  end: { kind: 'answered', text: said, search: { runIds: ['m1'], named: [], others: 'none', ...search } },
  chunks: 1,
})
const named = (...names: readonly string[]) => ended({ named: names })
/** A look this long after the end of the run. */
const look = (ms: number, files: readonly AgentFile[] = [], more: Partial<Look> = {}): TurnEvent => {
  const nextMs = looks.find(one => one > ms)
  return { kind: 'files_found', at: at + ms, files, others: 'none', ...(nextMs !== undefined && { nextMs }), ...more }
}

interface Ran {
  readonly turn: Turn
  /** What each event changed. */
  readonly changes: readonly (Change | undefined)[]
  readonly last: Change | undefined
}

function run(events: readonly TurnEvent[], more: Partial<Inbound> & { readonly app?: boolean } = {}): Ran {
  const { app = true, ...message } = more
  let turn = turnOf(opened(message, alone, app ? { dm } : {}))
  const changes = [claimed, asked, ...events].map(event => {
    const change = advance(turn, event, translate)
    turn = change?.save[0] ?? turn
    return change
  })
  return { turn, changes, last: changes.at(-1) }
}

const added = (change: Change | undefined) => (change?.add ?? []).map(row => row.id.replace('wecom:default:m1:', ''))
const statesOf = ({ files = [] }: Turn) => files.map(({ state, problem }) => problem ?? state)
const traceOf = ({ trace }: Turn) =>
  trace.filter(({ kind }) => kind === 'file').map(({ state, problem }) => problem ?? state)
const shownBy = (turn: Turn) => streamFrame(turn, { now: at, placeholder: '…' }, translate)
const contentsOf = (change: Change | undefined) =>
  (change?.add ?? []).flatMap(({ body }) => {
    if (body.kind === 'markdown') return [body.content]
    return body.kind === 'messages' ? body.messages.map(one => ('content' in one ? one.content : one.kind)) : []
  })
const follows = translate({ key: 'file_follows', name: 'report.csv' })
const never = translate({ key: 'file_problem', name: 'report.csv', problem: 'never_came' })
const noWay = translate({ key: 'file_problem', name: 'report.csv', problem: 'no_way' })

describe('late files: the search', () => {
  test('late files: the commit that ends the run stores the search', () => {
    const { last, turn } = run([named('report.csv')])
    expect(last === undefined ? [] : jobsOf(last)).toMatchObject([
      {
        id: 'wecom:default:m1:search',
        queue: 'media',
        dueAt: at + 300,
        body: { kind: 'search', sessionKey: turn.sessionKey, runIds: ['m1'], others: 'none', looksMs: looks },
      },
    ])
    expect(turn).toMatchObject({ state: 'closing', end: 'answered', answer: 'done' })
    expect(statesOf(turn)).toEqual(['announced'])
  })

  test('late files: an answer that can have none is not searched', () => {
    const plain: TurnEvent = { kind: 'run_ended', at, end: { kind: 'answered', text: 'done' }, chunks: 1 }
    expect(added(run([plain]).last)).toEqual([])
    const known = { kind: 'answered', text: 'done', files: [csv] } as const
    const search = { runIds: [], named: ['report.csv'], others: 'none' } as const
    const all: TurnEvent = { kind: 'run_ended', at, end: { ...known, search }, chunks: 1 }
    expect(added(run([all]).last)).toEqual(['collect0'])
  })

  test('late files: after a tool that names none there are three looks', () => {
    const [job] = jobsOf(run([ended({ others: 'unlikely' })]).last ?? { save: [] })
    expect(job?.body).toMatchObject({ looksMs: [300, 5_000, 30_000] })
  })

  test('late files: a look plans the next one, and a restart skips missed ones', () => {
    const { last, turn } = run([named('report.csv')])
    const [job] = jobsOf(last ?? { save: [] })
    const body = job?.body
    if (job === undefined || body?.kind !== 'search') throw new Error('no search')
    const next = (ms: number) => {
      const nextMs = remainingLooks(turn, job, body, at + ms)[0]
      const seen: Look = { at: at + ms, files: [], others: 'none', ...(nextMs !== undefined && { nextMs }) }
      return afterLook(turn, job, body, seen)
    }
    expect(next(320)).toMatchObject({ state: 'queued', dueAt: at + 600, body: { looksMs: looks.slice(1) } })
    expect(next(12_000)).toMatchObject({ state: 'queued', dueAt: at + 30_000, body: { looksMs: [30_000, 60_000] } })
    expect(next(60_000)).toMatchObject({ state: 'done', finishedAt: at + 60_000 })
    const found = run([named('report.csv'), look(300, [csv])]).turn
    expect(afterLook(found, job, body, { at, files: [], others: 'none', nextMs: 600 }).state).toBe('done')
    expect(afterLook(found, job, body, { at, files: [], others: 'possible', nextMs: 600 }).state).toBe('queued')
  })

  test('late files: a file found twice counts once, each of three by itself', () => {
    const all = ['a.txt', 'b.txt', 'c.txt'].map((fileName, n) => ({ id: `t${n}`, fileName, mimeType: 'text/plain' }))
    const [a, b, c] = all
    if (a === undefined || b === undefined || c === undefined) throw new Error('three files')
    const { changes, turn } = run([named('a.txt', 'b.txt', 'c.txt'), look(300, [c, a]), look(5_000, all)])
    expect(changes.slice(-2).map(added)).toEqual([['collect2', 'collect0'], ['collect1']])
    expect(turn.files?.map(({ artifact }) => artifact)).toEqual(['t0', 't1', 't2'])
    expect(advance(turn, look(10_000, all), translate)).toBeUndefined()
  })

  test('late files: two files with one name are two files', () => {
    const twin = { ...csv, id: 'a3' }
    const { turn } = run([named('report.csv', 'report.csv'), look(300, [csv]), look(5_000, [csv, twin])])
    expect(turn.files?.map(({ artifact }) => artifact)).toEqual(['a2', 'a3'])
  })

  test('late files: a renamed file takes the place of the announced one', () => {
    const { turn } = run([named('report.csv', 'out.png'), look(300, [png, { ...csv, fileName: 'Report (1).csv' }])])
    expect(turn.files?.map(({ fileName }) => fileName)).toEqual(['Report (1).csv', 'out.png'])
    const others = run([ended({ named: ['report.csv'], others: 'possible' }), look(300, [png], { others: 'possible' })])
    expect(statesOf(others.turn)).toEqual(['announced', 'pending'])
  })
})

describe('late files: the bubble', () => {
  test('late files: the bubble waits two seconds, then says what follows', () => {
    const { turn } = run([named('report.csv'), look(300), look(600)])
    expect(nextDeadline(turn)).toBe(at + 2_000)
    expect(advance(turn, served(at + 1_000), translate)).toBeUndefined()
    const closed = run([named('report.csv'), deadline(at + 2_000), served(at + 2_100)]).turn
    expect(shownBy(closed)).toMatchObject({ content: `done\n\n${follows}`, finish: true })
  })

  test('late files: an answer of only a late file is not called empty', () => {
    const { turn } = run([ended({ named: ['report.csv'] }, ''), deadline(at + 2_000), served(at + 2_100)])
    expect(turn.end).toBe('answered')
    expect(shownBy(turn).content).toBe(follows)
  })

  test('late files: without a known name the bubble waits one second', () => {
    const open = { others: 'possible' } as const
    const waits = run([ended(open), look(300, [], open), look(600, [], open)]).turn
    expect(nextDeadline(waits)).toBe(at + 2_000)
    expect(advance(waits, served(at + 700), translate)).toBeUndefined()
    const ready = run([ended(open), look(300, [], open), look(1_000, [], open)]).turn
    expect(nextDeadline(ready)).toBe(at + 1_000 + 20_000)
    expect(shownBy(turnOf(advance(ready, served(at + 1_100), translate))).content).toBe('done')
  })

  test('late files: a picture found in time is in the bubble', () => {
    const kept = { kind: 'kept', bytes: 9, digest: 'd', media: 'image' } as const
    const collected: TurnEvent = { kind: 'file_collected', at: at + 1_950, file: 'answer_st_1_0', collected: kept }
    const { turn } = run([named('out.png'), look(1_900, [png]), collected, served(at + 2_000)])
    expect([turn.state, statesOf(turn)]).toEqual(['shown', ['inline']])
  })

  test('late files: one file is fetched while another is still late', () => {
    const { turn } = run([named('out.png', 'report.csv'), look(300, [png]), deadline(at + 2_000)])
    expect(nextDeadline(turn)).toBe(at + 300 + 60_000)
    expect(statesOf(turn)).toEqual(['pending', 'announced'])
  })
})

describe('late files: after the bubble has closed', () => {
  const closed = [deadline(at + 2_000), served(at + 2_100)]

  test('late files: with an app the file is a direct message', () => {
    const { last, turn } = run([named('report.csv'), ...closed, look(5_000, [csv])])
    expect(added(last)).toEqual(['collect0'])
    expect(traceOf(turn)).toEqual(['announced', 'found'])
  })

  test('late files: one that never comes is named in a direct message', () => {
    const { last, turn } = run([named('report.csv', 'out.png'), ...closed, look(5_000, [png]), look(60_000, [png])])
    expect([added(last), contentsOf(last)]).toEqual([['file0'], [never]])
    expect(traceOf(turn)).toEqual(['announced', 'announced', 'found', 'never_came'])
    expect(advance(turn, look(60_000, [png]), translate)).toBeUndefined()
  })

  test('late files: one that the gateway refuses late is named', () => {
    const { last } = run([named('x.html'), ...closed, look(5_000, [refused])])
    expect(contentsOf(last)).toEqual([translate({ key: 'file_problem', name: 'x.html', problem: 'withheld' })])
  })

  test('late files: a message to the app gets its text at once, files later', () => {
    const { changes } = run([named('report.csv'), look(5_000, [csv])], { surface: 'app' })
    expect(changes.slice(-2).map(added)).toEqual([['app', 'search'], ['collect0']])
  })

  test('late files: without an app the bubble says what is not delivered', () => {
    const { turn } = run([named('report.csv'), ...closed], { app: false })
    expect(shownBy(turn).content).toBe(`done\n\n${noWay}`)
    expect(traceOf(turn)).toEqual(['announced', 'no_way'])
    expect(advance(turn, look(5_000, [csv]), translate)).toBeUndefined()
  })

  test('late files: without an app an unnamed one is named by response_url', () => {
    const open = { others: 'possible' } as const
    const until1s = [ended(open), look(1_000, [], open), served(at + 1_100)]
    const { changes, turn } = run([...until1s, look(5_000, [csv], open), look(60_000, [csv], open)], { app: false })
    expect(changes.slice(-2).map(added)).toEqual([[], ['response_url']])
    expect(contentsOf(changes.at(-1))).toEqual([noWay])
    expect(traceOf(turn)).toEqual(['no_way'])
  })

  test('late files: a used response_url gets no second message', () => {
    const open = { others: 'possible' } as const
    const moved = [deadline(t0 + 330_000), ended(open, 'done', t0 + 400_000)]
    const late: TurnEvent = { kind: 'files_found', at: t0 + 460_000, files: [csv], ...open }
    const { last, turn } = run([...moved, late], { app: false })
    expect([added(last), statesOf(turn), traceOf(turn)]).toEqual([[], ['no_way'], ['no_way']])
  })

  test('late files: an answer that moved names what has no route', () => {
    const moved = [deadline(t0 + 330_000), ended({ named: ['report.csv'] }, 'done', t0 + 400_000)]
    const { last } = run(moved, { app: false })
    expect([added(last), contentsOf(last)]).toEqual([['response_url'], [`done\n\n${noWay}`]])
  })
})

describe('late files: an answer without text', () => {
  const silent: TurnEvent = {
    kind: 'run_ended',
    at,
    end: { kind: 'empty', search: { runIds: ['m1'], named: [], others: 'none' } },
    chunks: 0,
  }
  const empty = translate({ key: 'empty' })

  test('late files: an open bubble does not say that there is no answer while files are looked for', () => {
    const { turn } = run([silent])
    expect(turn).toMatchObject({ state: 'closing', end: 'empty' })
    expect(shownBy(turn)).toMatchObject({ content: '…', finish: false })
    const { turn: told } = run([silent, look(600), look(1_900), served(at + 3_000)])
    expect(told).toMatchObject({ state: 'shown', closedWith: empty })
  })

  test('late files: a file that is found in time is the answer', () => {
    const { turn } = run([silent, look(300, [csv]), deadline(at + 61_000), served(at + 61_000)])
    expect(turn).toMatchObject({ state: 'shown', closedWith: follows })
  })
})
