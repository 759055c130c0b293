import type { Cancel, Clock, SocketEvents } from '../../src/world.ts'

/** One direction of a connection. Messages arrive in order, each after a delay. */
class Pipe {
  private readonly clock: Clock
  private readonly delayMs: () => number
  private lastAt = 0
  private readonly arriving = new Set<Cancel>()

  constructor(clock: Clock, delayMs: () => number) {
    this.clock = clock
    this.delayMs = delayMs
  }

  push(arrive: () => void): void {
    this.lastAt = Math.max(this.lastAt, this.clock.now() + this.delayMs())
    const cancel = this.clock.alarm(this.lastAt, () => {
      this.arriving.delete(cancel)
      arrive()
    })
    this.arriving.add(cancel)
  }

  cut(): void {
    for (const cancel of this.arriving) cancel()
    this.arriving.clear()
  }
}

/** A simulated WebSocket between a daemon and the gateway. */
export class Line {
  isGreeted = false
  /** The network drops everything without an error. */
  isSilent = false
  private isOpen = true
  private readonly up: Pipe
  private readonly down: Pipe
  private readonly client: SocketEvents
  private readonly onClose: (line: Line) => void

  constructor(clock: Clock, delayMs: () => number, client: SocketEvents, onClose: (line: Line) => void) {
    this.up = new Pipe(clock, delayMs)
    this.down = new Pipe(clock, delayMs)
    this.client = client
    this.onClose = onClose
  }

  toServer(arrive: () => void): void {
    if (this.isOpen && !this.isSilent) this.up.push(arrive)
  }

  toClient(frame: object): void {
    const text = JSON.stringify(frame)
    if (this.isOpen && !this.isSilent) this.down.push(() => this.client.message(text))
  }

  /** Ends the connection. Messages in flight are lost, and the client gets the close event after a delay. */
  close(code: number): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.up.cut()
    this.down.cut()
    this.onClose(this)
    this.down.push(() => this.client.close(code, ''))
  }

  /** The client's process is dead: ends the connection without an event. */
  abandon(): void {
    this.close(1006)
    this.down.cut()
  }
}
