import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ask, LinkStatus, ReplyChunk } from '../../src/domain/agent.ts'
import { createChatAgent } from '../../src/gateway/chat/chat-agent.ts'
import { Connection } from '../../src/gateway/link/socket.ts'
import { loadDevice } from '../../src/gateway/link/device.ts'
import { Handshake } from '../../src/gateway/link/handshake.ts'
import { ReloadGate } from '../../src/gateway/chat/reload-gate.ts'
import { createEchoGateway, type EchoOptions } from '../../src/playground/gateway/echo-gateway.ts'
import type { ScriptStep } from '../../src/playground/gateway/runs/script.ts'
import { Scheduler } from '../../src/scheduler/scheduler.ts'
import { openSpool } from '../../src/store/spool.ts'
import { quietWorld } from '../scenarios/daemon.ts'
import { until } from '../scenarios/until.ts'
import { memoryOf } from './rig.ts'

const open: { close(): unknown }[] = []

/** Closes everything a test opened. Call it in `afterEach`. */
export async function closeAgents(): Promise<void> {
  for (const one of open.splice(0).toReversed()) await one.close()
}

export const sessionKey = 'agent:main:wecom:default:direct:zhangsan'

/** Answers after 150 ms. */
function* quick(message: string): Generator<ScriptStep, void> {
  yield { kind: 'wait', ms: 150 }
  yield { kind: 'say', text: answerTo(message) }
}

export const answerTo = (message: string) => `to ${message}`

interface GatewayProxy {
  readonly url: string
  close(): unknown
}

/** The chat agent over a real connection, in real time with short pauses. */
export function linkAgent(url: string, token: string) {
  const world = quietWorld()
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-agent-'))
  const timers = new Scheduler(world.clock, world.log)
  timers.start()
  const handshake = new Handshake(
    { purpose: 'users', hasApprovers: false },
    { token },
    loadDevice(join(folder, 'device.pem')),
    'test',
    memoryOf(true),
  )
  const link = { ...world, timers, random: { ...world.random, fraction: () => 0 } }
  const connection = new Connection({ url, handshake, backoffMs: () => 20 }, link)
  const spoolFolder = join(folder, 'spool')
  const spool = openSpool({ folder: spoolFolder })
  const { clock, log, fetch } = world
  const agent = createChatAgent(connection, new ReloadGate(clock, timers), {
    clock,
    timers,
    log,
    fetch,
    createFile: spool.create,
  })
  const limitsBefore = agent.limits()
  const statuses: LinkStatus['state'][] = []
  agent.onStatus(({ state }) => void statuses.push(state))
  connection.start()
  open.push({
    close() {
      connection.stop()
      timers.close()
      rmSync(folder, { recursive: true, force: true })
    },
  })
  const chunks: ReplyChunk[] = []
  const ask = (key: string, message: string, more: Partial<Ask> = {}, signal = new AbortController().signal) => {
    const whole: Ask = { key, sessionKey, message, askBefore: Infinity, mark: async () => {}, ...more }
    return agent.ask(whole, chunk => void chunks.push(chunk), signal)
  }
  /** Asks, and looks for files until `count` of them are there. */
  const askForFiles = async (key: string, message: string, count: number, more: Partial<Ask> = {}) => {
    const end = await ask(key, message, more)
    const { runIds = [] } = ('search' in end && end.search) || {}
    const files = await until(`${count} files`, async () => {
      const found = await agent.findFiles({ key, sessionKey: more.sessionKey ?? sessionKey, runIds })
      return found.kind === 'found' && found.files.length >= count && found.files
    })
    return { end, files }
  }
  return { agent, ask, askForFiles, chunks, statuses, limitsBefore, spool, spoolFolder }
}

/** The chat agent with its own echo gateway, reached directly or through `openProxy` which gets its port. */
export async function openAgent(
  options: Partial<EchoOptions> = {},
  openProxy?: (port: number) => Promise<GatewayProxy>,
) {
  const gateway = createEchoGateway(quietWorld(), { token: 't', script: quick, ...options })
  open.push(gateway)
  const proxy = await openProxy?.(gateway.port)
  if (proxy !== undefined) open.push(proxy)
  const linked = linkAgent((proxy ?? gateway).url, 't')
  await until('the link', () => linked.agent.status().state === 'up')
  const rows = () => gateway.history(sessionKey).map(row => row.idempotencyKey ?? row.role)
  return { ...linked, gateway, rows }
}
