import type { World } from '../../world.ts'
import { Boot, type BootOptions } from './boot.ts'
import type { ChatSend } from './runs/chat.ts'
import { approveDevice, type Devices } from './handshake.ts'
import { type Disk, normaliseKey, type Row } from './runs/history.ts'

export interface EchoOptions extends BootOptions {
  readonly port?: number
}

/** An echo agent behind the OpenClaw wire. Its history outlives `kill` and `stop`; everything else starts anew. */
export interface EchoGateway {
  readonly url: string
  readonly port: number
  bootId(): string
  history(sessionKey: string): readonly Row[]
  /** Every message that was accepted as new, over all boots. */
  asks(): readonly ChatSend[]
  /** What lies in the workspace of an agent; undefined when there is none. */
  workspace(agentId: string): ReadonlyMap<string, string> | undefined
  connections(): number
  /** Approves a device that waits for pairing. */
  approve(requestId: string): boolean
  /** From now on nobody is admitted with these scopes before that is approved. */
  withhold(scopes: readonly string[]): void
  /** Cuts every connection (1006); the process lives on. */
  dropConnections(): void
  /** A graceful stop: running turns end, `shutdown` is said, connections close with 1012. */
  stop(): Promise<void>
  /** Death: connections break with 1006, running turns are left unfinished. */
  kill(): Promise<void>
  /** A new boot on the same port. */
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
