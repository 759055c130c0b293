import { expect, test } from 'bun:test'
import { Scheduler, type Source } from '../../src/scheduler/scheduler.ts'
import { createLog } from '../../src/world.ts'
import { FakeClock } from '../fake-clock.ts'

const start = 1_780_000_000_000

function setUp() {
  const clock = new FakeClock(start)
  const lines: string[] = []
  const log = createLog(
    line => void lines.push(line),
    () => clock.now(),
    { level: 'debug', format: 'json' },
  )
  let alarms = 0
  const counted = {
    now: () => clock.now(),
    wall: () => clock.wall(),
    alarm(at: number, ring: () => void) {
      alarms++
      const cancel = clock.alarm(at, () => {
        alarms--
        ring()
      })
      let isDone = false
      return () => {
        if (!isDone) alarms--
        isDone = true
        cancel()
      }
    },
  }
  const scheduler = new Scheduler(counted, log)
  return { clock, scheduler, lines, alarms: () => alarms, pass: (ms: number) => clock.advanceTo(clock.now() + ms) }
}

/** A source that is due every `periodMs` and records its runs. */
function periodic(name: string, periodMs: number, act: (now: number) => Promise<void> = async () => {}) {
  const runs: number[] = []
  let due: number | undefined = start + periodMs
  const source: Source = {
    name,
    nextDue: () => due,
    async run(now) {
      runs.push(now - start)
      due = now + periodMs
      await act(now)
    },
  }
  return { source, runs, setDue: (at: number | undefined) => (due = at) }
}

test('scheduler: sources run when they are due and not before', async () => {
  const { scheduler, pass } = setUp()
  const [fast, slow] = [periodic('fast', 100), periodic('slow', 250)]
  scheduler.add(fast.source)
  scheduler.add(slow.source)
  scheduler.start()
  await pass(99)
  expect(fast.runs).toEqual([])
  await pass(501)
  expect([fast.runs, slow.runs]).toEqual([
    [100, 200, 300, 400, 500, 600],
    [250, 500],
  ])
})

test('scheduler: there is at most one timer', async () => {
  const { scheduler, alarms, pass } = setUp()
  for (const period of [70, 300, 1_100]) scheduler.add(periodic(`p${period}`, period).source)
  scheduler.start()
  const seen: number[] = []
  for (let step = 0; step < 50; step++) {
    scheduler.at(start + step * 37, () => {})
    scheduler.wake()
    seen.push(alarms())
    await pass(29)
    seen.push(alarms())
  }
  expect([Math.min(...seen), Math.max(...seen)]).toEqual([1, 1])
})

test('scheduler: alarms ring once at their time, unless cancelled', async () => {
  const { scheduler, clock, pass } = setUp()
  const rung: string[] = []
  const ring = (name: string) => () => void rung.push(`${name} at ${clock.now() - start}`)
  scheduler.at(start + 300, ring('late'))
  scheduler.at(start + 100, ring('early'))
  scheduler.at(start - 50, ring('past'))
  const cancel = scheduler.at(start + 200, ring('cancelled'))
  cancel()
  cancel()
  await pass(1_000)
  expect(rung).toEqual(['past at 0', 'early at 100', 'late at 300'])
})

test('scheduler: alarms due at the same time ring in the order set', async () => {
  const { scheduler, pass } = setUp()
  const rung: number[] = []
  for (const number of [1, 2, 3]) scheduler.at(start + 10, () => void rung.push(number))
  await pass(10)
  expect(rung).toEqual([1, 2, 3])
})

test('scheduler: an alarm can cancel another one and set a new one', async () => {
  const { scheduler, clock, pass } = setUp()
  const rung: string[] = []
  scheduler.at(start + 10, () => {
    rung.push('first')
    cancel()
    scheduler.at(clock.now(), () => void rung.push('new'))
  })
  const cancel = scheduler.at(start + 10, () => void rung.push('cancelled'))
  await pass(20)
  expect(rung).toEqual(['first', 'new'])
})

test('scheduler: alarms ring before start and after stop', async () => {
  const { scheduler, pass } = setUp()
  const rung: string[] = []
  scheduler.at(start + 10, () => void rung.push('before start'))
  await pass(10)
  scheduler.start()
  await scheduler.stop()
  scheduler.at(start + 20, () => void rung.push('after stop'))
  await pass(10)
  scheduler.close()
  scheduler.at(start + 30, () => void rung.push('after close'))
  await pass(5)
  expect(rung).toEqual(['before start', 'after stop'])
})

test('scheduler: a source never runs twice at the same time', async () => {
  const { scheduler, pass } = setUp()
  const gates: PromiseWithResolvers<void>[] = []
  const slow = periodic('slow', 100, () => {
    const gate = Promise.withResolvers<void>()
    gates.push(gate)
    return gate.promise
  })
  const other = periodic('other', 100)
  scheduler.add(slow.source)
  scheduler.add(other.source)
  scheduler.start()
  await pass(350)
  scheduler.wake()
  await pass(10)
  expect([slow.runs, other.runs]).toEqual([[100], [100, 200, 300]])
  gates[0]?.resolve()
  await pass(0)
  expect(slow.runs).toEqual([100, 360])
})

test('scheduler: a failed source is logged and retried after a second', async () => {
  const { scheduler, lines, pass } = setUp()
  let isBroken = true
  const store = periodic('store', 10, async () => {
    if (isBroken) throw new Error('disk full')
  })
  const other = periodic('other', 500)
  scheduler.add(store.source)
  scheduler.add(other.source)
  scheduler.start()
  await pass(500)
  for (let times = 0; times < 5; times++) scheduler.wake()
  await pass(509)
  expect(store.runs).toEqual([10])
  await pass(1)
  expect(store.runs).toEqual([10, 1_010])
  isBroken = false
  await pass(1_020)
  expect(store.runs.slice(2)).toEqual([2_010, 2_020, 2_030])
  expect(other.runs.length).toBeGreaterThan(3)
  expect(lines.map(line => JSON.parse(line))).toMatchObject([
    { level: 'error', source: 'store', error: 'disk full' },
    { level: 'error', source: 'store' },
  ])
})

test('scheduler: many wakes cause one check', async () => {
  const { scheduler, pass } = setUp()
  let looks = 0
  scheduler.add({
    name: 'watched',
    nextDue() {
      looks++
      return undefined
    },
    run: async () => {},
  })
  scheduler.start()
  await pass(0)
  const before = looks
  for (let times = 0; times < 100; times++) scheduler.wake()
  await pass(0)
  const oneLook = looks - before
  scheduler.wake()
  await pass(0)
  expect(looks - before).toBe(2 * oneLook)
})

test('scheduler: a wake finds a source that became due', async () => {
  const { scheduler, pass } = setUp()
  const sleepy = periodic('sleepy', 1_000_000)
  sleepy.setDue(undefined)
  scheduler.add(sleepy.source)
  scheduler.start()
  await pass(500)
  sleepy.setDue(start)
  await pass(500)
  expect(sleepy.runs).toEqual([])
  scheduler.wake()
  await pass(0)
  expect(sleepy.runs).toEqual([1_000])
})

test('scheduler: stop waits for running sources and starts no more', async () => {
  const { scheduler, pass } = setUp()
  const gate = Promise.withResolvers<void>()
  const slow = periodic('slow', 100, () => gate.promise)
  scheduler.add(slow.source)
  scheduler.start()
  await pass(100)
  let isStopped = false
  const stopped = scheduler.stop().then(() => (isStopped = true))
  await pass(1_000)
  expect([isStopped, slow.runs]).toEqual([false, [100]])
  gate.resolve()
  await stopped
  await pass(1_000)
  expect(slow.runs).toEqual([100])
})

test('scheduler: setting the clock back or forward rings alarms once', async () => {
  const { scheduler, clock, pass } = setUp()
  const rung: string[] = []
  scheduler.at(start + 100, () => void rung.push('once'))
  scheduler.at(start + 3_600_000, () => void rung.push('in an hour'))
  await pass(100)
  clock.step(-50)
  await clock.advanceTo(start + 300)
  expect(rung).toEqual(['once'])
  clock.step(3_600_000)
  scheduler.wake()
  await clock.advanceTo(start + 301)
  expect(rung).toEqual(['once', 'in an hour'])
})
