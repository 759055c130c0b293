import { afterAll, describe, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { botKey, botToken, startTestDaemon } from '../scenarios/daemon.ts'
import { until } from '../scenarios/until.ts'
import { wecomd } from './child.ts'

const folder = mkdtempSync(join(tmpdir(), 'wecomd-explain-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const dm = { policy: 'allowlist', allowFrom: ['boss'] }
const app = { corpId: 'ww1', corpSecret: 's', agentId: 3 }
const file = join(folder, 'wecomd.json5')
writeFileSync(
  file,
  JSON.stringify({
    channels: {
      wecom: {
        bot: { token: botToken, encodingAESKey: botKey, name: '助手', dm },
        accounts: {
          sales: { agent: { ...app, token: 'appToken01', encodingAESKey: botKey } },
          sender: { agent: { ...app, agentId: 4 } },
          off: { enabled: false, bot: { token: 'offToken01', encodingAESKey: botKey } },
        },
      },
    },
    bindings: [
      { agentId: 'elsewhere', match: { channel: 'slack' } },
      { agentId: 'sales', match: { channel: 'wecom', accountId: 'sales' } },
      { agentId: 'team', match: { channel: 'wecom', peer: { kind: 'group', id: 'wrTEAM' } } },
    ],
    language: 'en',
  }),
)
chmodSync(file, 0o600)

async function explain(...args: readonly string[]) {
  const { code, out, err } = await wecomd(['explain', '--config', file, ...args], folder)
  return { code, err, lines: out.trimEnd().split('\n') }
}

describe('explain', () => {
  test('explain: a command is told with the rule, the setting, the agent, the session and what the user reads', async () => {
    expect(await explain('--user', '007Zhang', '--text', '/status')).toEqual({
      code: 0,
      err: '',
      lines: [
        'account   default, bot',
        'message   command /status',
        'rule      refused: the sender is not in allowFrom (channels.wecom.bot.dm)',
        'agent     main (gateway.agentId)',
        'session   agent:main:wecom:default:direct:007zhang',
        'outcome   refused',
        '',
        "  You (007Zhang) can't use commands. An administrator can allow it in channels.wecom.bot.dm.allowFrom.",
      ],
    })
    expect((await explain('--user', 'Boss', '--text', '/new')).lines).toContain('outcome   a new session starts')
  })

  test('explain: in a group the mention goes first, and the binding is named', async () => {
    const { lines } = await explain('--user', 'boss', '--chat', 'wrTEAM', '--text', '@助手 /whoami')
    expect(lines).toContain('rule      allowed: anyone may use this command (channels.wecom.bot.dm)')
    expect(lines).toContain('agent     team (bindings[2], by peer)')
    expect(lines[4]).toMatch(/^session   agent:team:wecom:default:group:wrteam-[0-9a-f]{8}$/)
    expect(lines).toContain('  Group: wrTEAM')
  })

  test('explain: the app of another account has its own policy and agent', async () => {
    const { lines } = await explain('--user', 'li', '--account', 'sales', '--text', 'hello')
    expect(lines).toEqual([
      'account   sales, agent',
      'message   chat',
      'rule      allowed: anyone may chat, the policy applies to commands only (channels.wecom.accounts.sales.agent.dm)',
      'agent     sales (bindings[1], by account)',
      'session   agent:sales:wecom:sales:direct:li',
      'outcome   the agent is asked',
    ])
  })

  test('explain: in Chinese the rows line up and the setting keeps its name', async () => {
    const { lines } = await explain('--user', 'li', '--text', '/status', '--lang', 'zh-CN')
    expect(lines.slice(0, 3)).toEqual([
      '账号      default，智能机器人',
      '消息      命令 /status',
      '规则      拒绝：发送者不在 allowFrom 名单中（channels.wecom.bot.dm）',
    ])
  })

  test('explain: where no message comes in it says so', async () => {
    const told = async (...args: readonly string[]) =>
      (await explain('--user', 'wecom:li', '--text', 'hi', ...args)).lines.slice(-3)
    expect(await told('--account', 'off')).toEqual([
      'session   agent:main:wecom:off:direct:li',
      'outcome   not received',
      'note      the account is disabled: its URLs answer 404',
    ])
    expect((await told('--account', 'sender')).slice(1)).toEqual([
      'outcome   not received',
      'note      the app has no token or encodingAESKey: it only sends',
    ])
    expect((await told('--account', 'sales', '--chat', 'wrA')).slice(1)).toEqual([
      'outcome   the agent is asked',
      'note      WeCom does not deliver group messages to an app',
    ])
  })

  test('explain: an agent of its own is named with the one that answers where it cannot be made', async () => {
    const own = join(folder, 'own.json5')
    const wecom = {
      bot: { token: botToken, encodingAESKey: botKey, dm },
      dynamicAgents: { enabled: true, adminUsers: ['chef'] },
    }
    writeFileSync(own, JSON.stringify({ channels: { wecom }, language: 'en' }), { mode: 0o600 })
    const told = async (user: string, text: string) =>
      (await wecomd(['explain', '--config', own, '--user', user, '--text', text], folder)).out.split('\n')
    const lines = await told('ZhangSan', 'hello')
    expect(lines).toContain(
      'agent     wecom-dm-zhangsan (channels.wecom.dynamicAgents, created on demand; main answers where it cannot be created)',
    )
    expect(lines).toContain('session   agent:wecom-dm-zhangsan:wecom:default:direct:zhangsan')
    expect(await told('chef', '/approve 01234567')).toContain(
      'rule      allowed: the sender is an administrator (channels.wecom.dynamicAgents.adminUsers)',
    )
    expect(await told('boss', '/deny 01234567')).toContain(
      'rule      refused: the sender is not an administrator (channels.wecom.dynamicAgents.adminUsers)',
    )
  })

  test.each([
    [['--text', 'x'], '--user is missing'],
    [['--user', 'x', '--text', 'x', '--account', 'nope'], 'there is no account "nope"'],
    [['--user', 'x', '--text', 'x', '--mode', 'agent'], 'the account "default" has no agent'],
    [['--user', 'x', '--text', 'x', '--mode', 'both'], '--mode must be bot or agent, not "both"'],
  ])('explain: %j is a usage error', async (args, message) => {
    const { code, err } = await explain(...args)
    expect([code, err.split('\n')[0]]).toEqual([2, `wecomd: ${message}`])
  })
})

test('explain: the daemon decides by the same rules', async () => {
  const daemon = await startTestDaemon({ bot: { dm: { ...dm, applies: 'all' } } })
  const config = join(daemon.folder, 'wecomd.json5')
  for (const [userid, text] of [
    ['boss', 'hello'],
    ['li', 'hello'],
    ['li', '/new'],
    ['li', '/help'],
    ['boss', '/model x'],
    ['boss', '/unknown'],
  ] as const) {
    const bubble = daemon.tenant.say({ userid, text })
    const trace = await until('the trace', async () => {
      // The daemon is of this source.
      const { events } = (await daemon.api(`/api/trace/${bubble.callback.msgid}`)) as { events?: { kind: string }[] }
      return events?.find(({ kind }) => kind === 'policy')
    })
    const { out } = await wecomd(['explain', '--config', config, '--user', userid, '--text', text, '--json'], folder)
    const { rule, allowed, says } = JSON.parse(out) as { rule: string; allowed: boolean; says?: string }
    expect(trace).toMatchObject({ rule, allowed })
    if (says !== undefined) expect((await bubble.finished).text).toBe(says)
  }
  await daemon.close()
})
