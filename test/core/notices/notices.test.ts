import { expect, test } from 'bun:test'
import type { FileProblem, Phase } from '../../../src/domain/turn.ts'
import { type Notice, createTranslator } from '../../../src/core/notices/notices.ts'
import { type Language, placeholdersIn, noticeTexts } from '../../../src/core/notices/texts.ts'

const languages: readonly Language[] = ['zh-CN', 'en']

/** Record, so that the compiler asks for each of them. */
const phases: Record<Phase, true> = { starting: true, thinking: true, tool: true, occupied: true, resuming: true }
const problems: Record<FileProblem, true> = {
  withheld: true,
  never_came: true,
  no_way: true,
  too_large: true,
  too_small: true,
  gone: true,
  not_sent: true,
  unsure: true,
}
const troubles: Record<Extract<Notice, { key: 'media_problem' }>['problem'], true> = {
  too_large: true,
  too_large_for_agent: true,
  expired: true,
  unreadable: true,
  empty: true,
  bad_host: true,
  unreachable: true,
  late: true,
}
const plain: Record<Exclude<Notice['key'], (typeof withFacts)[number]['key']>, true> = {
  queued: true,
  offline: true,
  moved: true,
  moved_whole: true,
  moved_lost: true,
  continued: true,
  overflow_lost: true,
  truncated: true,
  merged: true,
  empty: true,
  blank: true,
  unknown_kind: true,
  failed: true,
  lost: true,
  timeout: true,
  agent_unknown: true,
  stopped: true,
  busy: true,
  expired: true,
  expired_before: true,
  stopping: true,
  nothing_to_stop: true,
  session_new: true,
  session_stays: true,
  approval_given: true,
  approval_denied: true,
  approval_gone: true,
  approval_barred: true,
  unknown_stream: true,
  answer_file_name: true,
  card_options: true,
  card_sent: true,
  embed_hidden: true,
  outsider: true,
  question_choose: true,
  question_reply: true,
  question_answered: true,
  card_unreadable: true,
}
const withFacts = [
  { key: 'elapsed', elapsedMs: 5_000 },
  { key: 'elapsed', elapsedMs: 80_000 },
  { key: 'fetching', elapsedMs: 9_000 },
  { key: 'queued_long', elapsedMs: 9_000 },
  { key: 'answer_in_file', bytes: 30_000, fileName: 'all.md' },
  { key: 'card_taken', choice: 'yes' },
  {
    key: 'help',
    commands: [
      'new',
      'reset',
      'stop',
      'status',
      'whoami',
      'help',
      'approve',
      'deny',
      'model',
      'think',
      'compact',
      'usage',
      'own',
    ],
  },
  { key: 'whoami', user: 'u', account: 'a', agent: 'main' },
  { key: 'whoami', user: 'u', chat: 'wr1', account: 'a', agent: 'main' },
  { key: 'command_refused', user: 'u', setting: 's' },
  { key: 'chat_refused', user: 'u', setting: 's' },
  { key: 'command_unknown', command: 'dance' },
  { key: 'approval_refused', user: 'u', setting: 's' },
  { key: 'approval_unknown', command: 'deny' },
  { key: 'approval_waiting', command: '> ls', id: '0123abcd' },
  { key: 'approval_step', command: '> send a mail', id: '0123abcd' },
  { key: 'pictures', names: ['a.png', 'b.png'] },
  { key: 'file_sent', name: 'a.csv' },
  { key: 'file_follows', name: 'a.csv' },
  { key: 'file_problem', name: 'a.csv', problem: 'gone' },
  { key: 'media_problem', name: 'a.mp4', problem: 'late' },
] as const satisfies readonly Notice[]

/** Sound: the names of a record that has no others. */
const namesOf = <Name extends string>(record: Readonly<Record<Name, true>>) => Object.keys(record) as Name[]

const every: readonly Notice[] = [
  ...withFacts,
  ...namesOf(plain).map(key => ({ key })),
  ...namesOf(phases).map(phase => ({ key: 'elapsed', elapsedMs: 0, phase }) as const),
  ...namesOf(problems).map(problem => ({ key: 'file_problem', name: 'a', problem }) as const),
  ...namesOf(troubles).map(problem => ({ key: 'media_problem', name: 'a', problem }) as const),
]

test('notice: each is said in both languages with all its facts in it', () => {
  for (const language of languages) {
    const said = every.map(notice => [notice.key, createTranslator(language)(notice)] as const)
    expect(said.filter(([, text]) => text.trim() === '' || /[{}]|undefined/.test(text))).toEqual([])
  }
  expect(createTranslator('zh-CN')({ key: 'elapsed', elapsedMs: 80_999, phase: 'tool' })).toBe(
    '已用 1 分 20 秒 · 正在查询',
  )
  expect(createTranslator('en')({ key: 'elapsed', elapsedMs: 5_000 })).toBe('5 s · getting ready')
  expect(createTranslator('zh-CN')({ key: 'pictures', names: ['a.png', 'b.png'] })).toBe('🖼 a.png、b.png')
  expect(createTranslator('en')({ key: 'answer_in_file', bytes: 30_720, fileName: 'full.md' })).toContain('30 KB')
  expect(createTranslator('en')({ key: 'file_problem', name: 'a.csv', problem: 'gone' })).toBe(
    "(“a.csv” couldn't be delivered: the file is no longer available)",
  )
  expect(createTranslator('en')({ key: 'help', commands: ['stop', 'own'] })).toBe(
    'Commands:\n/stop stops the current answer\n/own',
  )
})

test('notice: both languages of a sentence know the same placeholders', () => {
  const sorted = (text: string) => placeholdersIn(text).toSorted()
  const differ = Object.values(noticeTexts).filter(
    ({ 'zh-CN': chinese, en }) => !Bun.deepEquals(sorted(chinese), sorted(en)),
  )
  expect(differ).toEqual([])
})

test('notice: every wording is said by some notice, and a text of its name takes its place', () => {
  const marked = Object.entries(noticeTexts).map(([name, { en }]) => [name, `«${name}»${en}`] as const)
  const translate = createTranslator('en', Object.fromEntries(marked))
  const heard = new Set(every.flatMap(notice => [...translate(notice).matchAll(/«(\w+)»/g)].map(([, name]) => name)))
  expect(heard).toEqual(new Set(Object.keys(noticeTexts)))
})

test('notice: a text may leave a placeholder out, use it twice, and has its braces written twice', () => {
  const translate = createTranslator('zh-CN', {
    elapsed: 'Please wait',
    card_taken: '{choice}! {choice}!',
    file_sent: '{{name}} is {name}',
    busy: 'one } brace',
  })
  expect(translate({ key: 'elapsed', elapsedMs: 1 })).toBe('Please wait')
  expect(translate({ key: 'card_taken', choice: '$& {choice}' })).toBe('$& {choice}! $& {choice}!')
  expect(translate({ key: 'file_sent', name: 'a.csv' })).toBe('{name} is a.csv')
  expect(translate({ key: 'busy' })).toBe('one } brace')
  expect(translate({ key: 'stopped' })).toBe('⏹ 已停止。')
})

test('notice: the name of the file of an answer is a file name, whatever the text says', () => {
  expect(createTranslator('en', { answer_file_name: '../the/whole\nanswer.md' })({ key: 'answer_file_name' })).toBe(
    'wholeanswer.md',
  )
})
