import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApp } from '../app.ts'
import { type Config, parseConfig } from '../config/config.ts'
import { WecomdError } from '../errors.ts'
import { appEchoHints, commandUsers, createPlayground, echoHints, shortWindow } from '../playground/demo.ts'
import { createEchoGateway } from '../playground/gateway/echo-gateway.ts'
import { build } from '../version.ts'
import type { World } from '../world.ts'
import { exitCodes } from './exit-codes.ts'
import type { Call } from './table/commands.ts'
import { UsageError } from './table/usage-error.ts'
import type { Terminal } from './terminal.ts'
import { demoTexts } from './texts/demo.ts'

/** `wecomd demo`: runs until it is stopped. */
export async function demo({ values }: Call<'demo'>, terminal: Terminal): Promise<number> {
  const texts = demoTexts[terminal.language]
  const { port = '8790', gateway, token } = values
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new UsageError(['demo'], texts.badPort(port))
  if (gateway === undefined && token !== undefined) throw new UsageError(['demo'], texts.tokenAlone)

  const format = terminal.isTty && values.json !== true ? 'pretty' : 'json'
  const world = terminal.openWorld({ level: 'info', format })
  const stopSignal = terminal.untilStopped()
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-demo-'))
  try {
    const real = gateway === undefined ? undefined : { url: gateway, ...(token !== undefined && { token }) }
    const { stop, ...started } = await startDemo(world, { folder, port: Number(port), gateway: real }, terminal)
    for (const line of values.json ? [JSON.stringify(started)] : introduce(started, terminal)) terminal.out(line)
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

/** Where a running demo is found. */
interface Started {
  readonly page: string
  readonly private: string
  readonly stateDir: string
}

/** Starts the four parts. */
async function startDemo(
  world: World,
  options: DemoOptions,
  terminal: Terminal,
): Promise<Started & { stop(): Promise<void> }> {
  const { folder, gateway } = options
  const bot = { token: secret(world, 24), encodingAESKey: secret(world, 43) }
  const agent = makeApp(world)
  const robot = { name: 'ops', key: secret(world, 32) }
  const callbackPort = freePort()
  const callbacks = `http://127.0.0.1:${callbackPort}/wecom`
  const isEcho = gateway === undefined
  const playground = await openPage(world, terminal, {
    ...bot,
    port: options.port,
    callbackUrl: `${callbacks}/bot`,
    app: { ...agent, callbackUrl: `${callbacks}/agent`, hints: isEcho ? appEchoHints : hello },
    robots: [robot],
    hints: isEcho ? echoHints : hello,
    ...(isEcho && { windowMs: shortWindow.windowMs }),
  })
  const dm = { allowFrom: commandUsers }
  const token = secret(world, 24)
  const echo = isEcho ? createEchoGateway(world, { token }) : undefined
  const config = demoConfig({
    channels: {
      wecom: {
        bot: { ...bot, dm, ...(isEcho && { stream: shortWindow }) },
        agent: { ...agent, dm, welcomeText: '你好！我是应用「助手」。气泡里放不下、等不到的回答，我来送。' },
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
  return {
    page: playground.url,
    private: app.privateUrl,
    stateDir,
    async stop() {
      await playground.close()
      await app.stop()
      await echo?.close()
    },
  }
}

const hello = ['你好，介绍一下自己']

function makeApp(world: World) {
  const agentId = 1_000_000 + Buffer.from(world.random.bytes(2)).readUInt16BE()
  const corpId = `ww${Buffer.from(world.random.bytes(8)).toString('hex')}`
  return { corpId, corpSecret: secret(world, 43), agentId, token: secret(world, 24), encodingAESKey: secret(world, 43) }
}

/** What to open and what to paste. */
function introduce(started: Started, { program, language, paint }: Terminal): readonly string[] {
  const texts = demoTexts[language]
  const call = [...program, 'send', '--url', started.private, '--token-file', join(started.stateDir, 'admin-token')]
  return [
    '',
    `  wecomd demo · ${paint.bold(texts.open(started.page))}`,
    '',
    `  ${texts.send}`,
    '',
    `${call.map(quote).join(' ')} --to user:zhangsan --text 你好 --wait`,
    '',
    `  ${texts.others}`,
    '',
  ]
}

/** A word as a shell reads it back. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

async function openPage(world: World, { language }: Terminal, options: Parameters<typeof createPlayground>[1]) {
  try {
    return await createPlayground(world, options)
  } catch (cause) {
    const texts = demoTexts[language]
    throw new WecomdError('port_in_use', texts.portTaken(options.port), { hint: texts.portTakenHint, cause })
  }
}

function demoConfig(file: object): Config {
  const { config, issues: complaints } = parseConfig(JSON.stringify(file), {
    file: 'demo',
    env: {},
    readFile: () => '',
    isFolder: () => true,
    listFolder: () => [],
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
