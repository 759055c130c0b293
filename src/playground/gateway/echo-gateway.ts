import type { World } from '../../world.ts'
import { Boot, type BootOptions } from './boot.ts'
import type { ChatSend } from './runs/chat.ts'
import { approveDevice, type Devices } from './handshake.ts'
import { type Disk, normaliseKey, type Row } from './runs/history.ts'
import type { Spoken } from './runs/speak.ts'

export interface EchoOptions extends BootOptions {
  readonly port?: number
}

/** An echo agent that speaks the OpenClaw gateway protocol. Its history survives `kill` and `stop`; everything else is reset. */
export interface EchoGateway {
  readonly url: string
  readonly port: number
  bootId(): string
  history(sessionKey: string): readonly Row[]
  /** Every message that was accepted as new, in all boots. */
  asks(): readonly ChatSend[]
  /** The workspace files of an agent; undefined if there is no such agent. */
  workspace(agentId: string): ReadonlyMap<string, string> | undefined
  connections(): number
  /** The agent says something unasked. */
  speak(said: Spoken): void
  /** Approves a pending device. False if there is no such request. */
  approve(requestId: string): boolean
  /** From now on, a connection that requests these scopes needs an approval first. */
  withhold(scopes: readonly string[]): void
  /** Terminates every connection (1006). The process keeps running. */
  dropConnections(): void
  /** Stops gracefully: waits for running turns, broadcasts `shutdown`, then closes connections with 1012. */
  stop(): Promise<void>
  /** Simulates a crash: connections break with 1006 and running turns stay unfinished. */
  kill(): Promise<void>
  /** Starts a new boot on the same port. */
  start(): void
  close(): Promise<void>
}

export function createEchoGateway(world: World, options: EchoOptions): EchoGateway {
  const asked: ChatSend[] = []
  const disk: Disk = { sessions: new Map(), agents: new Map([['main', new Map()]]) }
  const devices: Devices = { approved: new Map(), pending: new Map(), withheld: [] }
  let boot = new Boot(world, { ...options, port: options.port ?? 0 }, disk, devices, asked)
  const port = boot.port
  return {
    url: `ws://127.0.0.1:${port}`,
    port,
    bootId: () => boot.bootId,
    history: sessionKey => disk.sessions.get(normaliseKey(sessionKey))?.rows ?? [],
    asks: () => asked,
    workspace: agentId => disk.agents.get(agentId),
    connections: () => boot.connections(),
    speak: said => boot.chat.speak(said),
    approve: requestId => approveDevice(devices, requestId, world.random),
    withhold(scopes) {
      devices.withheld = scopes
    },
    dropConnections: () => boot.dropConnections(),
    stop: () => boot.stop(),
    kill: () => boot.kill(),
    start() {
      boot = new Boot(world, { ...options, port }, disk, devices, asked)
    },
    close: () => boot.kill(),
  }
}
