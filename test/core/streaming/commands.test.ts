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

/** The change of a command sent by the boss, or another user, in a session with these turns. */
const send = (text: string, session: readonly Turn[] = [], sender = 'Boss', more: Partial<OpenSettings> = rules()) =>
  opened({ msgid: 'c', text, sender, receivedAt: t0 + 9 }, { ...alone, inLane: () => session }, more)

const replyTo = (text: string, ...rest: [(readonly Turn[])?, string?, Partial<OpenSettings>?]) =>
  turnOf(send(text, ...rest)).closedWith

describe('commands', () => {
  test('command: the reply is in the first frame, also for a repeat', () => {
    const turn = turnOf(send('/help'))
    expect(turn).toMatchObject({ state: 'ended', end: 'answered' })
    const frame = firstFrame(turn, '…')
    expect(frame).toEqual({ streamId: 'st_1', content: turn.closedWith ?? '', finish: true })
    expect(frame.content).toContain('/new starts a new session')
    expect(frame.content).toContain('/model')
  })

  test('command: /whoami shows the ids of user, group, account and agent', () => {
    expect(replyTo('/whoami', [], '007Zhang')).toBe('User: 007Zhang\nAccount: default\nAgent: main')
    const conversation = { account: 'default', kind: 'group', id: 'wrA' } as const
    const turn = turnOf(opened({ text: '／WhoAmI', conversation }, alone, rules()))
    expect(turn.closedWith).toBe('User: zhangsan\nGroup: wrA\nAccount: default\nAgent: main')
  })

  test('command: denied users see their id and the setting to change', () => {
    const change = send('/status', [running], 'lisi')
    expect(turnOf(change)).toMatchObject({
      end: 'refused',
      closedWith:
        "You (lisi) can't use commands. An administrator can allow it in channels.wecom.accounts.sales.bot.dm.allowFrom.",
    })
    expect(change.save).toHaveLength(1)
    expect(turnOf(change).trace).toContainEqual({ at: t0 + 9, kind: 'policy', rule: 'unlisted', allowed: false })
    expect(replyTo('/new', [], 'boss', rules({ policy: 'disabled' }))).toContain('sales.bot.dm.policy')
  })

  test('command: everybody may begin a new session in their own single chat, in a group only listed users', () => {
    expect(turnOf(send('/new', [], 'lisi'))).toMatchObject({ state: 'waiting', task: 'reset' })
    expect(turnOf(send('/reset hello', [], 'lisi'))).toMatchObject({ task: 'reset', text: 'hello' })
    expect(turnOf(send('/new', [], 'lisi', rules({ applies: 'all' }))).end).toBe('refused')
  })

  test('command: /help lists what the sender may use', () => {
    const listed = (user: string, settings = rules()) => replyTo('/help', [], user, settings)
    expect(listed('lisi')).toContain('/new')
    expect(listed('lisi')).not.toContain('/status')
    expect(listed('boss')).toContain('/status')
    expect(listed('boss', rules({ policy: 'disabled' }))).not.toContain('/new')
  })

  test('command: chat is refused only if the policy applies to all', () => {
    expect(turnOf(send('hello', [], 'lisi')).state).toBe('waiting')
    const refused = send('hello', [], 'lisi', rules({ applies: 'all' }))
    expect(turnOf(refused)).toMatchObject({
      end: 'refused',
      closedWith: expect.stringContaining("(lisi) can't chat here"),
    })
    expect(refused.add).toEqual([])
    expect(turnOf(send('hello', [], 'boss', rules({ applies: 'all' }))).state).toBe('waiting')
  })

  test('command: a denied click gets its notice by response_url', () => {
    const { rules: all } = rules({ applies: 'all' })
    const refused = opened({ text: '[card] key=y', origin: 'click', sender: 'lisi' }, alone, { rules: all })
    expect(
      deliveriesOf(refused).map(({ route, body }) => [route, body.kind === 'markdown' && body.content.slice(0, 26)]),
    ).toEqual([['response_url', "You (lisi) can't chat here"]])
  })

  test('command: allowed gateway commands are passed, never merged', () => {
    const change = send('／Model  gpt\nnext', [waiting('boss')])
    expect(turnOf(change)).toMatchObject({ state: 'waiting', task: 'pass', question: '/model gpt\nnext' })
    expect(turnOf(change).pending).toEqual({ state: 'queued', dueAt: t0 + 9 })
    expect(change.save).toHaveLength(1)
    expect(turnOf(send('/exec rm'))).toMatchObject({
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

  test('command: a quote or a picture does not hide it, or delay it', () => {
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

  test('command: the question after /new keeps its quote and media', () => {
    const attachments = [{ kind: 'image', url: 'https://a.myqcloud.com/1' }] as const
    const change = opened({ text: '/new 看图\n[image]', before: '> tok0', attachments, sender: 'boss' }, alone, rules())
    expect(turnOf(change)).toMatchObject({ text: '> tok0\n看图\n[image]', attachments: [{ state: 'pending' }] })
    const first = opened({ text: '[image]\n／NEW 看图', attachments, sender: 'boss' }, alone, rules())
    expect(turnOf(first)).toMatchObject({ text: '[image]\n看图', command: 'new' })
    expect(turnOf(change)).toMatchObject({ task: 'reset', pending: { state: 'queued', dueAt: t0 } })
    expect(jobsOf(change).map(({ body, dueAt }) => [body.kind, dueAt])).toEqual([['fetch', t0]])
  })

  test('command: without a bubble the reply is a direct message', () => {
    const dm = { format: 'text', deliverWithinMs: 1_000 } as const
    const helped = opened({ text: '/help', surface: 'app' }, alone, { ...rules(), dm })
    expect(deliveriesOf(helped).map(({ route, body }) => [route, body.kind])).toEqual([['app', 'messages']])
  })
})

describe('stop', () => {
  test('command: /stop ends the run and all waiting questions', () => {
    const change = send('停止', [running, waiting('lisi'), waiting('wang', 'app')])
    const [command, stopped, first, second] = change.save
    expect(command).toMatchObject({ end: 'answered', closedWith: '⏹ Stopped.' })
    expect(stopped).toMatchObject({ id: running.id, stopAt: t0 + 9, state: 'asking' })
    expect(first).toMatchObject({ state: 'ended', end: 'stopped', closedWith: translate({ key: 'stopped' }) })
    expect(second).toMatchObject({ state: 'ended', end: 'stopped' })
    expect([first, second].map(one => one?.pending)).toEqual([undefined, undefined])
    expect(change.add?.map(({ id }) => id)).toEqual(['wecom:default:waiting of wang:notice'])
  })

  test('command: users can stop their own run, but no questions of others', () => {
    const change = send('/stop', [running, waiting('lisi'), waiting('ZhangSan')], 'zhangsan')
    expect(turnOf(change).trace).toContainEqual(expect.objectContaining({ kind: 'policy', rule: 'free' }))
    expect(change.save.slice(1).map(({ msgid, stopAt, end }) => stopAt ?? `${msgid} ${end}`)).toEqual([
      t0 + 9,
      'waiting of ZhangSan stopped',
    ])
    expect(turnOf(send('/stop', [running], 'lisi'))).toMatchObject({ end: 'refused' })
  })

  test('command: users can stop their own question during another’s run', () => {
    const change = send('停止', [running, waiting('lisi'), waiting('wang')], 'lisi')
    expect(turnOf(change)).toMatchObject({ end: 'answered', closedWith: '⏹ Stopped.' })
    expect(change.save.slice(1).map(({ msgid, end }) => `${msgid} ${end}`)).toEqual(['waiting of lisi stopped'])
    expect(change.save[1]?.pending).toBeUndefined()
  })

  test('command: /stop shows if there is nothing to stop', () => {
    expect(replyTo('/stop')).toBe('There is no answer to stop.')
    expect(replyTo('/stop', [after([claimed, asked, answered('done')])])).toBe('There is no answer to stop.')
  })

  test('command: /stop works during overload', () => {
    const full = { ...alone, openTurns: 1_000, inLane: () => [running] }
    expect(opened({ text: '/stop', sender: 'boss' }, full, rules()).save).toHaveLength(2)
    expect(turnOf(opened({ text: '/help', sender: 'boss' }, full, rules())).end).toBe('busy')
    const eager = { ...alone, sentLastMinute: 99, inLane: () => [running] }
    expect(opened({ text: '停止', sender: 'boss' }, eager, rules()).save).toHaveLength(2)
  })
})

describe('a new session', () => {
  test('command: /new stops what runs and waits, and queues the reset', () => {
    const change = send('/new', [running, waiting('lisi')])
    const [reset] = change.save
    expect(reset).toMatchObject({ state: 'waiting', task: 'reset', command: 'new', text: '' })
    expect(reset?.pending).toEqual({ state: 'queued', dueAt: t0 + 9 })
    expect(isUnclaimed(reset ?? running)).toBe(false)
    expect(change.save.slice(1).map(({ stopAt, end }) => stopAt ?? end)).toEqual([t0 + 9, 'stopped'])
    expect(change.add).toEqual([])
  })

  test('command: after the reset the rest of the message is asked', () => {
    const plain = sessionReset(turnOf(send('/new')), true, t0 + 100, translate)
    expect(plain?.save[0]).toMatchObject({ state: 'closing', end: 'answered', answer: '✅ New session started.' })
    const asking = sessionReset(turnOf(send('/reset  and now: why?')), true, t0 + 100, translate)?.save[0]
    expect(asking).toMatchObject({ state: 'waiting', text: 'and now: why?', preface: '✅ New session started.' })
    expect(asking).toMatchObject({ task: 'ask', pending: { state: 'queued' } })
    expect(asking?.question).toBeUndefined()
    expect(asking?.command).toBeUndefined()
    expect(plain.save[0]?.pending).toBeUndefined()
  })

  test('command: if the gateway refuses the reset, the rest is not asked', () => {
    const change = sessionReset(turnOf(send('/new why?')), false, t0 + 100, translate)
    expect(change?.save[0]?.answer).toContain("A new session can't start")
  })

  test('command: without admin scope /new stops nothing and shows a notice', () => {
    const change = send('/new', [running], 'boss', rules({}, false))
    expect(change.save).toHaveLength(1)
    expect(turnOf(change)).toMatchObject({
      end: 'refused',
      closedWith: expect.stringContaining("A new session can't start"),
    })
  })
})
