import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApp } from '../app.ts'
import { type Config, parseConfig } from '../config/config.ts'
import { WecomdError } from '../errors.ts'
import { appEchoHints, createPlayground, echoHints, shortWindow } from '../playground/demo.ts'
import { createEchoGateway } from '../playground/gateway/echo-gateway.ts'
import { build } from '../version.ts'
import type { World } from '../world.ts'
import type { CliIo } from './io.ts'
import { alwaysUsage, exitCodes, parseCommand, usageError } from './usage.ts'

const usage = [
  'usage: wecomd demo [--port PORT] [--gateway URL --token T]',
  '',
  'Runs everything on this machine, with no accounts: the daemon, a simulated WeCom with a Bot, an app and a group',
  'robot, an agent that echoes, and a page that plays the WeCom client. Everything is forgotten when it stops.',
  '',
  '  --port PORT        the page (default 8790; 0 is any free one)',
  '  --gateway URL      a real OpenClaw gateway instead of the echo agent, such as ws://127.0.0.1:18789',
  '  --token T          its token',
  ...alwaysUsage,
]

const flags = { port: { type: 'string' }, gateway: { type: 'string' }, token: { type: 'string' } } as const

/** `wecomd demo`: runs until it is stopped. */
export async function demo(args: readonly string[], io: CliIo): Promise<number> {
  const command = parseCommand(args, io, { usage, flags, positionals: 0 })
  if (command.exit !== undefined) return command.exit
  const { port = '8790', gateway, token } = command.values
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) return usageError(io, `--port ${port} is not a port`, usage)
  if (gateway === undefined && token !== undefined) return usageError(io, '--token goes with --gateway', usage)

  const world = io.openWorld({ level: 'info', format: io.isTty ? 'pretty' : 'json' })
  const stopSignal = io.untilStopped()
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-demo-'))
  try {
    const real = gateway === undefined ? undefined : { url: gateway, ...(token !== undefined && { token }) }
    const stop = await startDemo(world, { folder, port: Number(port), gateway: real }, io)
    await stopSignal
    await stop()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return exitCodes.ok
}

interface DemoOptions {
  readonly folder: string
  readonly port: number
  readonly gateway: { readonly url: string; readonly token?: string } | undefined
}

/** Starts the four parts; what it returns stops them. */
async function startDemo(world: World, options: DemoOptions, io: CliIo): Promise<() => Promise<void>> {
  const { folder, gateway } = options
  const bot = { token: secret(world, 24), encodingAESKey: secret(world, 43) }
  const agent = makeApp(world)
  const robot = { name: 'ops', key: secret(world, 32) }
  const callbackPort = freePort()
  const callbacks = `http://127.0.0.1:${callbackPort}/wecom`
  const isEcho = gateway === undefined
  const playground = await openPage(world, {
    ...bot,
    port: options.port,
    callbackUrl: `${callbacks}/bot`,
    app: { ...agent, callbackUrl: `${callbacks}/agent`, hints: isEcho ? appEchoHints : hello },
    robots: [robot],
    hints: isEcho ? echoHints : hello,
    ...(isEcho && { windowMs: shortWindow.windowMs }),
  })
  const token = secret(world, 24)
  const echo = isEcho ? createEchoGateway(world, { token }) : undefined
  const config = demoConfig({
    channels: {
      wecom: {
        bot: { ...bot, ...(isEcho && { stream: shortWindow }) },
        agent: { ...agent, welcomeText: '你好！我是应用「助手」。气泡里放不下、等不到的回答，我来送。' },
        network: { apiBaseUrl: playground.tenant.apiBaseUrl },
        webhooks: { ops: robot.key },
      },
    },
    server: { host: '127.0.0.1', port: callbackPort },
    admin: { port: 0 },
    gateway: gateway ?? { url: echo?.url, token },
  })
  const stateDir = join(folder, 'state')
  const app = await startApp({ config, stateDir, version: build.version }, world)
  for (const line of introduce(playground.url, app.privateUrl, stateDir, io)) io.out(line)
  return async () => {
    await playground.close()
    await app.stop()
    await echo?.close()
  }
}

const hello = ['你好，介绍一下自己']

function makeApp(world: World) {
  const agentId = 1_000_000 + Buffer.from(world.random.bytes(2)).readUInt16BE()
  const corpId = `ww${Buffer.from(world.random.bytes(8)).toString('hex')}`
  return { corpId, corpSecret: secret(world, 43), agentId, token: secret(world, 24), encodingAESKey: secret(world, 43) }
}

/** What to open and what to paste. */
function introduce(page: string, daemon: string, stateDir: string, io: CliIo): readonly string[] {
  const words = [...io.program, 'send', '--url', daemon, '--token-file', join(stateDir, 'admin-token')]
  const send = `${words.map(quote).join(' ')} --to`
  return [
    '',
    `  wecomd demo · open ${page} in a browser · Ctrl+C stops it`,
    '',
    '  Send first, from another terminal (also: party:1, tag:Ops, webhook:ops, --markdown, --file, --card):',
    '',
    `${send} user:zhangsan --text 你好 --wait`,
    '',
  ]
}

/** A word as a shell reads it back. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

async function openPage(world: World, options: Parameters<typeof createPlayground>[1]) {
  try {
    return await createPlayground(world, options)
  } catch (cause) {
    throw new WecomdError('port_in_use', `the page cannot be served on port ${options.port}`, {
      hint: 'another process has this port; give --port',
      cause,
    })
  }
}

function demoConfig(file: object): Config {
  const { config, complaints } = parseConfig(JSON.stringify(file), {
    file: 'demo',
    env: {},
    readFile: () => '',
    isFolder: () => true,
    namesIn: () => [],
  })
  if (config !== undefined) return config
  throw new WecomdError('config', complaints.map(({ path, message }) => `${path}: ${message}`).join('; '))
}

/** Letters and digits only, as the admin console makes tokens and keys. */
function secret(world: World, length: number): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
  return Array.from(world.random.bytes(length), byte => letters[byte % letters.length]).join('')
}

/** The callback URL must be known before the daemon listens on it. */
function freePort(): number {
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const { port } = probe
  probe.stop(true)
  return port
}
