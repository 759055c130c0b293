import { afterAll, afterEach } from 'bun:test'
import { startTestDaemon, type TestDaemon, type TestDaemonOptions } from './daemon.ts'

type Start = (options?: TestDaemonOptions) => Promise<TestDaemon>

/** The daemon of a test file: whichever was opened last. A test opens it, a hook closes it. */
class UsedDaemon implements TestDaemon {
  private readonly opened: TestDaemon[] = []

  constructor(private readonly start: Start) {}

  async open(options: TestDaemonOptions = {}, start: Start = this.start): Promise<TestDaemon> {
    this.opened.push(await start(options))
    return this
  }

  async close(): Promise<void> {
    for (const one of this.opened.splice(0).toReversed()) await one.close()
  }

  private get last(): TestDaemon {
    const last = this.opened.at(-1)
    if (last === undefined) throw new Error('the test has opened no daemon')
    return last
  }

  get app() {
    return this.last.app
  }

  get tenant() {
    return this.last.tenant
  }

  get gateway() {
    return this.last.gateway
  }

  get folder() {
    return this.last.folder
  }

  get log() {
    return this.last.log
  }

  get clock() {
    return this.last.clock
  }

  readonly api: TestDaemon['api'] = path => this.last.api(path)
  readonly send: TestDaemon['send'] = body => this.last.send(body)
  readonly delivered: TestDaemon['delivered'] = (id, orHeld) => this.last.delivered(id, orHeld)
  readonly restart: TestDaemon['restart'] = changed => this.last.restart(changed)
  readonly reconfigure: TestDaemon['reconfigure'] = changed => this.last.reconfigure(changed)
}

/** A daemon that each test opens for itself, by `start` unless told otherwise; closed after the test. */
export function useDaemon(start: Start = startTestDaemon): UsedDaemon {
  const daemon = new UsedDaemon(start)
  afterEach(() => daemon.close())
  return daemon
}

/** A daemon that `beforeAll` opens for all tests of the file; closed after them. */
export function shareDaemon(start: Start = startTestDaemon): UsedDaemon {
  const daemon = new UsedDaemon(start)
  afterAll(() => daemon.close())
  return daemon
}
