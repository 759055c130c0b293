import { describe, expect, test } from 'bun:test'
import type { DmPolicy } from '../../../src/domain/policy.ts'
import { isUnclaimed, type Turn } from '../../../src/domain/turn.ts'
import { sessionReset } from '../../../src/core/streaming/commands.ts'
import { firstFrame } from '../../../src/core/streaming/frame.ts'
import type { OpenSettings } from '../../../src/core/streaming/open.ts'
import { advance } from '../../../src/core/streaming/advance.ts'
import { after, alone, answered, asked, claimed, deliveriesOf, jobsOf, opened, translate, t0, turnOf } from './turns.ts'

const rules = (more: Partial<DmPolicy> = {}, canReset = true): Pick<OpenSettings, 'rules'> => ({
  rules: {
    policy: { policy: 'allowlist', allowFrom: ['boss'], applies: 'commands', ...more },
    setting: 'channels.wecom.accounts.sales.bot.dm',
    passes: ['model', 'status'],
    canReset,
    administrators: [],
    approvals: [],
  },
})

const running = after([claimed, asked], { msgid: 'running' })
const waiting = (sender: string, surface: 'bot' | 'app' = 'bot'): Turn =>
  turnOf(
    opened({ msgid: `waiting of ${sender}`, sender, surface }, alone, { dm: { format: 'text', deliverWithinMs: 1 } }),
  )

/** What a command of the boss, or of somebody else, does in a session with these turns. */
const told = (text: string, session: readonly Turn[] = [], sender = 'Boss', more: Partial<OpenSettings> = rules()) =>
  opened({ msgid: 'c', text, sender, receivedAt: t0 + 9 }, { ...alone, inLane: () => session }, more)

const sentence = (text: string, ...rest: [(readonly Turn[])?, string?, Partial<OpenSettings>?]) =>
  turnOf(told(text, ...rest)).closedWith

describe('commands', () => {
  test('command: one that ends with a sentence has it in its first frame, and again when it is repeated', () => {
    const turn = turnOf(told('/help'))
    expect(turn).toMatchObject({ state: 'ended', end: 'answered' })
    const frame = firstFrame(turn, '…')
    expect(frame).toEqual({ streamId: 'st_1', content: turn.closedWith ?? '', finish: true })
    expect(frame.content).toContain('/new starts a new session')
    expect(frame.content).toContain('/model')
  })

  test('command: everybody learns who they are, in a group the group too', () => {
    expect(sentence('/whoami', [], '007Zhang')).toBe('User: 007Zhang\nAccount: default\nAgent: main')
    const conversation = { account: 'default', kind: 'group', id: 'wrA' } as const
    const turn = turnOf(opened({ text: '／WhoAmI', conversation }, alone, rules()))
    expect(turn.closedWith).toBe('User: zhangsan\nGroup: wrA\nAccount: default\nAgent: main')
  })

  test('command: who may not is told their id and the setting of this account', () => {
    const change = told('/new', [running], 'lisi')
    expect(turnOf(change)).toMatchObject({
      end: 'refused',
      closedWith:
        "You (lisi) can't use commands. An administrator can allow it in channels.wecom.accounts.sales.bot.dm.allowFrom.",
    })
    expect(change.save).toHaveLength(1)
    expect(turnOf(change).trace).toContainEqual({ at: t0 + 9, kind: 'policy', rule: 'unlisted', allowed: false })
    expect(sentence('/new', [], 'boss', rules({ policy: 'disabled' }))).toContain('sales.bot.dm.policy')
  })

  test('command: chat is refused only where the policy gates all of it', () => {
    expect(turnOf(told('hello', [], 'lisi')).state).toBe('waiting')
    const refused = told('hello', [], 'lisi', rules({ applies: 'all' }))
    expect(turnOf(refused)).toMatchObject({
      end: 'refused',
      closedWith: expect.stringContaining("(lisi) can't chat here"),
    })
    expect(refused.add).toEqual([])
    expect(turnOf(told('hello', [], 'boss', rules({ applies: 'all' }))).state).toBe('waiting')
  })

  test('command: whoever clicks and may not chat reads so by the response_url of the click', () => {
    const { rules: all } = rules({ applies: 'all' })
    const refused = opened({ text: '[card] key=y', origin: 'click', sender: 'lisi' }, alone, { rules: all })
    expect(
      deliveriesOf(refused).map(({ route, body }) => [route, body.kind === 'markdown' && body.content.slice(0, 26)]),
    ).toEqual([['response_url', "You (lisi) can't chat here"]])
  })

  test('command: those of the gateway are passed as they are, never merged, the others are not', () => {
    const change = told('／Model  gpt\nnext', [waiting('boss')])
    expect(turnOf(change)).toMatchObject({ state: 'waiting', task: 'pass', question: '/model gpt\nnext' })
    expect(turnOf(change).pending).toEqual({ state: 'queued', dueAt: t0 + 9 })
    expect(change.save).toHaveLength(1)
    expect(turnOf(told('/exec rm'))).toMatchObject({
      end: 'refused',
      closedWith: 'There is no command /exec. Send /help for the list.',
    })
    const started = advance(
      turnOf(change),
      { kind: 'claimed', at: t0 + 20, prepared: { question: 'other' } },
      translate,
    )
    expect(started?.save[0]).toMatchObject({ state: 'asking', question: '/model gpt\nnext' })
  })

  test('command: a quote before it and a picture beside it do not hide it, and nothing waits for them', () => {
    const more = { before: '> tok0', attachments: [{ kind: 'image', url: 'https://a.myqcloud.com/1' }] } as const
    for (const text of ['停止', '[image]\n停止', '/stop\n[image]\n[image]']) {
      const stop = opened({ text, ...more }, { ...alone, inLane: () => [running] }, rules())
      expect(stop.save[1]).toMatchObject({ id: running.id, stopAt: t0 })
    }
    for (const [text, question] of [
      ['/status', '/status'],
      ['/model\n[image]', '/model'],
      ['/model gpt\n[image]', '/model gpt'],
      ['[image]\n/model gpt', '/model gpt'],
      ['/new', undefined],
    ] as const) {
      const change = opened({ text, ...more, sender: 'boss' }, alone, rules())
      expect(turnOf(change)).toMatchObject({ command: /\/(\w+)/.exec(text)?.[1], pending: { dueAt: t0 } })
      expect(turnOf(change).question).toBe(question)
      expect(turnOf(change)).not.toHaveProperty('attachments')
      expect(change.add ?? []).toEqual([])
    }
  })

  test('command: what is asked behind /new has its quote and its media, which are fetched at once', () => {
    const attachments = [{ kind: 'image', url: 'https://a.myqcloud.com/1' }] as const
    const change = opened({ text: '/new 看图\n[image]', before: '> tok0', attachments, sender: 'boss' }, alone, rules())
    expect(turnOf(change)).toMatchObject({ text: '> tok0\n看图\n[image]', attachments: [{ state: 'pending' }] })
    const first = opened({ text: '[image]\n／NEW 看图', attachments, sender: 'boss' }, alone, rules())
    expect(turnOf(first)).toMatchObject({ text: '[image]\n看图', command: 'new' })
    expect(turnOf(change)).toMatchObject({ task: 'reset', pending: { state: 'queued', dueAt: t0 } })
    expect(jobsOf(change).map(({ body, dueAt }) => [body.kind, dueAt])).toEqual([['fetch', t0]])
  })

  test('command: without a bubble the sentence is a direct message', () => {
    const dm = { format: 'text', deliverWithinMs: 1_000 } as const
    const helped = opened({ text: '/help', surface: 'app' }, alone, { ...rules(), dm })
    expect(deliveriesOf(helped).map(({ route, body }) => [route, body.kind])).toEqual([['app', 'messages']])
  })
})

describe('stop', () => {
  test('command: it ends the run and all that waits, and says so to each', () => {
    const change = told('停止', [running, waiting('lisi'), waiting('wang', 'app')])
    const [command, stopped, first, second] = change.save
    expect(command).toMatchObject({ end: 'answered', closedWith: '⏹ Stopped.' })
    expect(stopped).toMatchObject({ id: running.id, stopAt: t0 + 9, state: 'asking' })
    expect(first).toMatchObject({ state: 'ended', end: 'stopped', closedWith: translate({ key: 'stopped' }) })
    expect(second).toMatchObject({ state: 'ended', end: 'stopped' })
    expect([first, second].map(one => one?.pending)).toEqual([undefined, undefined])
    expect(change.add?.map(({ id }) => id)).toEqual(['wecom:default:waiting of wang:notice'])
  })

  test('command: everybody may stop their own run, which leaves what others wait for', () => {
    const change = told('/stop', [running, waiting('lisi'), waiting('ZhangSan')], 'zhangsan')
    expect(turnOf(change).trace).toContainEqual(expect.objectContaining({ kind: 'policy', rule: 'free' }))
    expect(change.save.slice(1).map(({ msgid, stopAt, end }) => stopAt ?? `${msgid} ${end}`)).toEqual([
      t0 + 9,
      'waiting of ZhangSan stopped',
    ])
    expect(turnOf(told('/stop', [running], 'lisi'))).toMatchObject({ end: 'refused' })
  })

  test("command: behind somebody else's answer everybody may take back their own question, and nothing else", () => {
    const change = told('停止', [running, waiting('lisi'), waiting('wang')], 'lisi')
    expect(turnOf(change)).toMatchObject({ end: 'answered', closedWith: '⏹ Stopped.' })
    expect(change.save.slice(1).map(({ msgid, end }) => `${msgid} ${end}`)).toEqual(['waiting of lisi stopped'])
    expect(change.save[1]?.pending).toBeUndefined()
  })

  test('command: where nothing runs it says so', () => {
    expect(sentence('/stop')).toBe('There is no answer to stop.')
    expect(sentence('/stop', [after([claimed, asked, answered('done')])])).toBe('There is no answer to stop.')
  })

  test('command: it is heard also when too many turns are open', () => {
    const full = { ...alone, openTurns: 1_000, inLane: () => [running] }
    expect(opened({ text: '/stop', sender: 'boss' }, full, rules()).save).toHaveLength(2)
    expect(turnOf(opened({ text: '/help', sender: 'boss' }, full, rules())).end).toBe('busy')
    const eager = { ...alone, sentLastMinute: 99, inLane: () => [running] }
    expect(opened({ text: '停止', sender: 'boss' }, eager, rules()).save).toHaveLength(2)
  })
})

describe('a new session', () => {
  test('command: the run and what waits end first, the reset stands in the queue and is no question', () => {
    const change = told('/new', [running, waiting('lisi')])
    const [reset] = change.save
    expect(reset).toMatchObject({ state: 'waiting', task: 'reset', command: 'new', text: '' })
    expect(reset?.pending).toEqual({ state: 'queued', dueAt: t0 + 9 })
    expect(isUnclaimed(reset ?? running)).toBe(false)
    expect(change.save.slice(1).map(({ stopAt, end }) => stopAt ?? end)).toEqual([t0 + 9, 'stopped'])
    expect(change.add).toEqual([])
  })

  test('command: done, it is confirmed, and the rest of the message is asked', () => {
    const plain = sessionReset(turnOf(told('/new')), true, t0 + 100, translate)
    expect(plain?.save[0]).toMatchObject({ state: 'closing', end: 'answered', answer: '✅ New session started.' })
    const asking = sessionReset(turnOf(told('/reset  and now: why?')), true, t0 + 100, translate)?.save[0]
    expect(asking).toMatchObject({ state: 'waiting', text: 'and now: why?', preface: '✅ New session started.' })
    expect(asking).toMatchObject({ task: 'ask', pending: { state: 'queued' } })
    expect(asking?.question).toBeUndefined()
    expect(asking?.command).toBeUndefined()
    expect(plain.save[0]?.pending).toBeUndefined()
  })

  test('command: refused by the gateway it says so, and the rest of the message is not asked', () => {
    const change = sessionReset(turnOf(told('/new why?')), false, t0 + 100, translate)
    expect(change?.save[0]?.answer).toContain("A new session can't start")
  })

  test('command: without admin scope it says so, and nothing is stopped', () => {
    const change = told('/new', [running], 'boss', rules({}, false))
    expect(change.save).toHaveLength(1)
    expect(turnOf(change)).toMatchObject({
      end: 'refused',
      closedWith: expect.stringContaining("A new session can't start"),
    })
  })
})
