import { Database } from 'bun:sqlite'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type FakeModel, startFakeModel } from '../test/openclaw/fake-model.ts'
import { GatewayProcess } from './openclaw-process.ts'

const versions = { openclaw: '2026.9.6', node: '24.21.0', npm: '11.19.1' }
const installWithinMs = 900_000

/** An unpacked OpenClaw and the Node that runs it. */
export interface Installed {
  readonly folder: string
  readonly node: string
  readonly entry: string
}

/** A real gateway in a temp folder, with a fake model behind it. Gone, with its folder, when this process ends. */
export interface OpenClaw {
  readonly url: string
  readonly token: string
  readonly folder: string
  readonly port: number
  readonly model: FakeModel
  /** All that the gateway has printed, over all its starts. */
  logs(): string
  /** Ends the gateway process; the state folder, the port and the model stay. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Starts again on the same state folder and port; resolves when `connect` is answered. */
  start(): Promise<void>
  /** Runs the openclaw CLI against the same state. */
  cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>
  /** Stops the gateway and the model and removes the folder. */
  remove(): Promise<void>
}

export interface OpenClawOptions {
  readonly port?: number
  /** Merged over the top of the config, object by object. */
  readonly configPatch?: object | ((model: FakeModel) => object)
  /** With this the gateway believes X-Forwarded-For of these addresses: a loopback client can play a remote one. */
  readonly trustedProxies?: readonly string[]
  /** Added to the environment of the gateway. */
  readonly env?: Readonly<Record<string, string>>
}

/** Installs OpenClaw and Node once into a cache folder outside the repository; concurrent callers wait for each other. */
export async function installOpenClaw(): Promise<Installed> {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wecomd')
  const folder = join(cache, `openclaw-${versions.openclaw}-node-${versions.node}`)
  const nodePackage = `node-${process.platform}-${process.arch}`
  const installed: Installed = {
    folder,
    node: join(folder, 'node_modules', nodePackage, 'bin', 'node'),
    entry: join(folder, 'node_modules', 'openclaw', 'openclaw.mjs'),
  }
  // Written last, so an install that was cut short is done again.
  const marker = join(folder, 'installed.json')
  if (existsSync(marker)) return installed
  mkdirSync(cache, { recursive: true })
  const unlock = await lock(join(cache, 'install.lock.sqlite'))
  try {
    if (existsSync(marker)) return installed
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    await installInto(installed, nodePackage)
    writeFileSync(marker, `${JSON.stringify(versions)}\n`)
    return installed
  } finally {
    unlock()
  }
}

async function installInto({ folder, node }: Installed, nodePackage: string): Promise<void> {
  const npm = Bun.which('npm')
  if (npm) {
    await run([npm, 'install', ...npmFlags, `${nodePackage}@${versions.node}`], folder, {})
  } else {
    const add = [process.execPath, 'add', '--exact', `${nodePackage}@${versions.node}`, `npm@${versions.npm}`]
    await run(add, folder, { BUN_BE_BUN: '1' })
  }
  // Under an older Node npm leaves out a native helper, and outgoing media is then dropped without a word.
  const path = `${join(node, '..')}${delimiter}${process.env.PATH ?? ''}`
  const command = npm ? [npm] : [node, join(folder, 'node_modules', 'npm', 'bin', 'npm-cli.js')]
  await run([...command, 'install', ...npmFlags, `openclaw@${versions.openclaw}`], folder, { PATH: path })
}

const npmFlags = ['--no-audit', '--no-fund', '--save-exact', '--loglevel=error']

async function run(command: readonly string[], cwd: string, env: Record<string, string>): Promise<void> {
  const child = Bun.spawn([...command], {
    cwd,
    env: { ...process.env, ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: installWithinMs,
  })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (code !== 0) throw new Error(`installing OpenClaw: ${command.join(' ')} ended with ${code}\n${out}${err}`)
}

/** A lock that the kernel frees when its holder dies. */
async function lock(file: string): Promise<() => void> {
  const database = new Database(file, { create: true })
  const until = Date.now() + installWithinMs
  for (;;) {
    try {
      database.run('BEGIN EXCLUSIVE')
      return () => database.close()
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'SQLITE_BUSY' || Date.now() > until) throw error
      await Bun.sleep(250)
    }
  }
}

/** Starts an isolated gateway on a free loopback port and waits until it takes connections. */
export async function startOpenClaw(options: OpenClawOptions = {}): Promise<OpenClaw> {
  const installed = await installOpenClaw()
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-openclaw-'))
  const model = await startFakeModel()
  const port = options.port ?? (await freePort())
  const token = `test-token-${crypto.randomUUID()}`
  for (const name of ['home', 'tmp', 'workspace']) mkdirSync(join(folder, name))
  const config = merge(
    configOf(folder, model.url, port, token, options.trustedProxies ?? []),
    typeof options.configPatch === 'function' ? options.configPatch(model) : (options.configPatch ?? {}),
  )
  writeFileSync(join(folder, 'openclaw.json'), JSON.stringify(config, null, 2))
  const gateway = new GatewayProcess(installed, folder, port, options.env ?? {})
  const url = `ws://127.0.0.1:${port}`
  const claw: OpenClaw = {
    url,
    token,
    folder,
    port,
    model,
    logs: () => gateway.printed,
    stop: signal => gateway.stop(signal ?? 'SIGTERM'),
    start: () => gateway.start(url, token),
    cli: (...args) => gateway.cli(args),
    async remove() {
      await gateway.remove()
      await model.close()
    },
  }
  try {
    await claw.start()
  } catch (error) {
    await claw.remove()
    throw error
  }
  return claw
}

function configOf(folder: string, modelUrl: string, port: number, token: string, trustedProxies: readonly string[]) {
  const model = {
    id: 'fake-1',
    name: 'Fake 1',
    reasoning: false,
    input: ['text', 'image'],
    cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
    contextWindow: 128_000,
    maxTokens: 8192,
  }
  const proxies = trustedProxies.length > 0 ? { trustedProxies } : {}
  return {
    gateway: { mode: 'local', port, bind: 'loopback', auth: { mode: 'token', token }, ...proxies },
    logging: { file: join(folder, 'gateway.log') },
    models: {
      mode: 'merge',
      providers: { fake: { baseUrl: modelUrl, apiKey: 'fake-local', api: 'openai-completions', models: [model] } },
    },
    agents: {
      defaults: {
        model: { primary: 'fake/fake-1' },
        workspace: join(folder, 'workspace'),
        skipBootstrap: true,
        heartbeat: { every: '0m' },
      },
    },
  }
}

function merge(base: object, patch: object): object {
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(patch)) {
    const old = merged[key]
    merged[key] = isPlain(old) && isPlain(value) ? merge(old, value) : value
  }
  return merged
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

async function main(command: string | undefined): Promise<void> {
  if (command === 'install') {
    console.log((await installOpenClaw()).folder)
  } else if (command === 'start') {
    const claw = await startOpenClaw()
    console.log(JSON.stringify({ url: claw.url, token: claw.token, folder: claw.folder, model: claw.model.url }))
  } else {
    console.error('usage: bun scripts/openclaw.ts install | start')
    process.exitCode = 2
  }
}

if (import.meta.main) await main(process.argv[2])
