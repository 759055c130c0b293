import { Database } from 'bun:sqlite'
import type { BridgeContext } from '../../../src/bridge/context.ts'
import { AppBreaker } from '../../../src/bridge/deliver/breaker.ts'
import { LiveAnswers } from '../../../src/bridge/ask/live.ts'
import { DynamicAgents } from '../../../src/bridge/ask/dynamic-agents.ts'
import { createReceive } from '../../../src/bridge/callback/receive.ts'
import { startBridge } from '../../../src/bridge/start.ts'
import type { Agent, AgentFile, RunEnd } from '../../../src/domain/agent.ts'
import type { Message, Outcome } from '../../../src/domain/delivery.ts'
import type { Frame, Inbound } from '../../../src/domain/message.ts'
import type { Platform } from '../../../src/domain/ports.ts'
import type { Spool } from '../../../src/domain/spool.ts'
import { createTranslator } from '../../../src/core/notices/notices.ts'
import { Scheduler } from '../../../src/scheduler/scheduler.ts'
import { openDatabase } from '../../../src/store/sqlite/open.ts'
import { createSqliteStore } from '../../../src/store/sqlite/store.ts'
import { nextDeadline } from '../../../src/core/streaming/deadlines.ts'
import type { Log } from '../../../src/world.ts'
import { FakeClock } from '../../fake-clock.ts'
import { noAdmin } from '../../gateway/no-admin.ts'
import { silentMeter } from '../../silent-meter.ts'

/** One combination of the table. */
export interface Case {
  readonly origin: 'message' | 'click' | 'app'
  /** late: a file that the agent hands over after 20 s · missing: one that it never does · cut: neither known nor there */
  readonly answer: 'short' | 'long' | 'picture' | 'file' | 'card' | 'late' | 'missing' | 'cut'
  readonly chat: 'single' | 'group'
  /**
   * fetched: the finish frame is fetched · unfetched: polling stops before it · closed: the answer comes after the window ·
   * none: there is no bubble.
   */
  readonly bubble: 'fetched' | 'unfetched' | 'closed' | 'none'
  /** How WeCom responds to direct messages of the app. none: there is no app. */
  readonly app: 'none' | 'accepts' | 'refuses' | 'silent'
  /** How WeCom responds to the response_url. none: the message has none, or its hour is over. */
  readonly url: 'none' | 'accepts' | 'refuses' | 'silent'
}

const t0 = 1_790_000_000_000
const translate = createTranslator('en')
const silent = () => {}
const everybody = {
  policy: { policy: 'open', allowFrom: [], applies: 'commands' },
  setting: 'channels.wecom.bot.dm',
} as const
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, area: () => log }
const png = Buffer.from('\x89PNG\r\n\x1a\nthis is all of it', 'latin1')
const csv = Buffer.from('a,b\n1,2\n')
const texts = { short: 'Forty-two.', long: `First ${'word '.repeat(5_000)}last.` } as const
const card = {
  card_type: 'text_notice',
  main_title: { title: 'Title' },
  card_action: { type: 1, url: 'https://a.example' },
}
const outcomes: Record<'accepts' | 'refuses' | 'silent', Outcome> = {
  accepts: { outcome: 'delivered' },
  refuses: { outcome: 'refused', errcode: 81_013 },
  silent: { outcome: 'unknown', errmsg: 'no answer in time' },
}

/**
 * Runs one answer through the bridge and the store. Returns, in order, what the user saw, what they may have seen (`maybe`),
 * and the dead letters. `looks` receives the times of the looks for files, in ms after the end of the run.
 */
export async function deliverAnswer(square: Case, looks: number[] = []): Promise<readonly string[]> {
  const seen: string[] = []
  const clock = new FakeClock(t0)
  const db = openDatabase(':memory:', 1)
  const scheduler = new Scheduler(clock, log)
  const context = createContext(square, seen, { clock, db, scheduler, looks })
  startBridge(context, scheduler, { contentDays: 7, rowDays: 30 })
  const receive = createReceive(context)
  scheduler.start()
  const reply = await receive({ kind: 'message', inbound: inboundOf(square) })
  const stream = reply.kind === 'stream' ? reply.frame.streamId : ''
  const polls = { unfetched: 8, none: 0, fetched: 420, closed: 420 }[square.bubble]
  const lastPoll = stream === '' ? 0 : polls
  for (let second = 1; second <= lastPoll; second++) {
    await clock.advanceTo(t0 + second * 1_000)
    const { frame } = (await receive({ kind: 'refresh', account: 'default', streamId: stream })) as { frame: Frame }
    if (!frame.finish) continue
    seen.push(`bubble: ${describeFrame(frame)}`)
    break
  }
  for (let second = 20; second <= 800 && isBusy(db); second += 20) await clock.advanceTo(t0 + second * 1_000)
  await scheduler.stop()
  for (const { state, body } of await context.store.outbox.dead(99)) seen.push(`dead: ${state} ${body.kind}`)
  scheduler.close()
  db.close()
  return seen
}

/** Whether anything may still happen: a deadline, a task, something to send. */
function isBusy(db: Database): boolean {
  const open = `SELECT 1 AS found FROM turn WHERE due_at IS NOT NULL OR task_at IS NOT NULL
    UNION ALL SELECT 1 FROM delivery WHERE done = 0 LIMIT 1`
  return db.query(open).get() !== null
}

function inboundOf({ origin, chat, url }: Case): Inbound {
  const isApp = origin === 'app'
  return {
    account: 'default',
    surface: isApp ? 'app' : 'bot',
    origin: origin === 'click' ? 'click' : 'message',
    msgid: 'm1',
    sender: 'zhangsan',
    conversation: { account: 'default', kind: chat === 'group' ? 'group' : 'direct', id: 'c1' },
    text: 'hello',
    receivedAt: t0,
    ...(url !== 'none' && { responseUrl: 'https://qyapi.weixin.qq.com/r' }),
    ...(origin === 'click' && { click: { taskId: 't', eventKey: 'k', cardType: 'text_notice', selected: [] } }),
  }
}

function endOf({ answer }: Case): RunEnd {
  const file = (fileName: string, mimeType: string): AgentFile => ({ id: fileName, fileName, mimeType })
  switch (answer) {
    case 'short':
    case 'long':
      return { kind: 'answered', text: texts[answer] }
    case 'picture':
      return { kind: 'answered', text: texts.short, files: [file('a.png', 'image/png')] }
    case 'file':
      return { kind: 'answered', text: texts.short, files: [file('a.csv', 'text/csv')] }
    case 'late':
    case 'missing':
      return { kind: 'answered', text: texts.short, search: { runIds: [], named: ['a.csv'], others: 'none' } }
    case 'cut':
      return { kind: 'answered', text: texts.short, search: { runIds: [], named: [], others: 'possible' } }
    case 'card':
      return { kind: 'answered', text: `${texts.short}\n${JSON.stringify({ template_card: card })}` }
    default:
      return answer satisfies never
  }
}

interface Machine {
  readonly clock: FakeClock
  readonly db: Database
  readonly scheduler: Scheduler
  readonly looks: number[]
}

function createContext(square: Case, seen: string[], machine: Machine): BridgeContext {
  const { clock, db, scheduler } = machine
  const store = createSqliteStore(db, { pid: 1, dueAtOf: nextDeadline })
  let order = t0 * 1_000
  return {
    store,
    agent: agentOf(square, machine),
    platform: platformOf(square, seen),
    spool: spoolOf(square),
    breaker: new AppBreaker(store.keyValue),
    dynamicAgents: new DynamicAgents(store.keyValue, noAdmin, clock, log),
    live: new LiveAnswers(),
    accounts: new Map([
      [
        'default',
        {
          id: 'default',
          policies: { bot: everybody, app: everybody },
          thoughts: 'fold',
          translate,
          placeholder: '…',
          windowMs: 360_000,
          handoverMs: 30_000,
          joinWindowMs: 3_000,
          ...(square.app !== 'none' && { app: { replyFormat: 'text', allowAppChat: false } }),
        },
      ],
    ]),
    clock,
    random: { bytes: count => new Uint8Array(count), fraction: () => 0.5 },
    timers: scheduler,
    log,
    meter: silentMeter,
    timezone: 'Asia/Shanghai',
    limits: {
      openTurns: 100,
      perUserPerMinute: 20,
      maxRuns: 9,
      runTimeoutMs: 3_600_000,
      askWithinMs: 21_600_000,
      deliverWithinMs: 86_400_000,
      outbox: 100,
    },
    nextOrder: () => ++order,
    administratorsIn: () => [],
    passedCommands: [],
    route: () => ({ agentId: 'main', rule: 'default' }),
    nameOf: () => 'someone',
    wake: () => scheduler.wake(),
  }
}

function agentOf(square: Case, { clock, looks }: Machine): Agent {
  const endsAt = t0 + (square.bubble === 'closed' ? 345_500 : 9_500)
  return {
    status: () => ({ state: 'up', since: t0 }),
    limits: () => ({ attachmentBytes: 1, imageBytes: 1, questionBytes: 1 }),
    onStatus: silent,
    async ask({ mark }) {
      await mark('boot')
      const { promise, resolve } = Promise.withResolvers<RunEnd>()
      clock.alarm(endsAt, () => resolve(endOf(square)))
      return await promise
    },
    abort: async () => {},
    onOtherRun: silent,
    findUnasked: async () => ({ kind: 'found', answers: [] }),
    onQuestion: silent,
    answerQuestion: async () => true,
    ...noAdmin,
    async findFiles() {
      looks.push(clock.now() - endsAt)
      const isThere = square.answer === 'late' && clock.now() >= endsAt + 20_000
      return { kind: 'found', files: isThere ? [{ id: 'a.csv', fileName: 'a.csv', mimeType: 'text/csv' }] : [] }
    },
    collect: async (_session, id) => ({ kind: 'kept', bytes: bytesOf(square).length, digest: id }),
  }
}

function bytesOf({ answer }: Case): Buffer {
  return answer === 'picture' ? png : csv
}

function spoolOf(square: Case): Spool {
  const unused = () => Promise.reject(new Error('the spool is read-only'))
  return {
    keep: unused,
    create: unused,
    remove: async () => {},
    usage: () => ({ bytes: 0, quotaBytes: 0 }),
    open: async () => ({
      bytes: bytesOf(square).length,
      async *open() {
        yield bytesOf(square)
      },
    }),
    borrow: unused,
    sweep: async () => 0,
  }
}

function platformOf({ app, url }: Case, seen: string[]): Platform {
  const respond = (behaviour: Case['app'], message: string): Outcome => {
    if (behaviour === 'none') throw new Error(`${message} uses a route that does not exist`)
    if (behaviour === 'accepts') seen.push(message)
    if (behaviour === 'silent' && !seen.includes(`maybe ${message}`)) seen.push(`maybe ${message}`)
    return outcomes[behaviour]
  }
  return {
    postResponse: async (_url, content) => respond(url, `url: ${describeText(content)}`),
    postCard: async () => respond(url, 'url: card'),
    send: async (_account, _to, message) => respond(app, `dm: ${describeMessage(message)}`),
    updateCard: async () => ({ outcome: 'delivered' }),
    upload: async () => ({ mediaId: 'media' }),
    fetchMedia: async () => ({ kind: 'failed', problem: 'unreachable' }),
    tokenExpiresAt: () => undefined,
  }
}

function describeMessage(message: Message): string {
  switch (message.kind) {
    case 'text':
    case 'markdown':
      return describeText(message.content)
    case 'media':
      return message.media === 'image' ? 'picture' : 'file'
    case 'card':
    case 'news':
      return message.kind
    default:
      return message satisfies never
  }
}

function describeFrame({ content, pictures }: Frame): string {
  return pictures === undefined ? describeText(content) : `${describeText(content)} + picture`
}

const notices: readonly (readonly [string, string])[] = [
  ['moved', translate({ key: 'moved' })],
  ['nothing follows', translate({ key: 'moved_lost' })],
  ['moved whole', translate({ key: 'moved_whole' })],
  ['continued', translate({ key: 'continued' })],
  ['cut', translate({ key: 'overflow_lost' })],
  ['card sent', translate({ key: 'card_sent' })],
  ['file sent', 'was sent to you in a direct message'],
  ['file follows', 'follows in a direct message'],
  ['file lost', "” couldn't be delivered"],
  ['file never came', 'but never provided it'],
  ['file unsure', 'may not have been delivered'],
  ['in a file', 'The full text is in'],
]

/** Describes a text as the table does. */
function describeText(text: string): string {
  const parts: string[] = []
  if (text.includes(texts.long) || text.includes(texts.short)) parts.push('all')
  else if (text.startsWith('First word')) parts.push('beginning')
  else if (text.endsWith('last.')) parts.push('rest')
  if (text.includes('Title')) parts.push('card in words')
  if (text.includes('template_card')) parts.push('RAW CARD')
  for (const [name, notice] of notices) if (text.includes(notice)) parts.push(name)
  return parts.join(', ') || `?? ${text.slice(0, 80)}`
}
