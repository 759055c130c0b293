import type { SendContent } from '../../src/bridge/operator/content.ts'
import { deliveryIdOf } from '../../src/bridge/operator/send.ts'
import { limits } from '../../src/domain/limits.ts'
import type { Target } from '../../src/domain/target.ts'
import { isCode } from '../../src/errors.ts'
import type { Send } from './daemon.ts'
import type { Scene } from './scene.ts'

/** One send request. */
interface Order {
  readonly key: string
  readonly to: Target
  readonly text: string
  /** The daemon has acknowledged it. */
  isAccepted: boolean
}

const duplicateMs = limits.duplicateCheckSeconds * 1_000

const receivers: readonly [Target, ...Target[]] = [
  { kind: 'user', ids: ['zhangsan'] },
  { kind: 'user', ids: ['lisi'] },
  { kind: 'user', ids: ['zhangsan', 'wangwu'] },
  { kind: 'party', ids: ['7'] },
]

/** Programs that send messages through the daemon. They repeat a request with the same key until it is acknowledged. */
export class Scripts {
  readonly orders: Order[] = []
  private readonly scene: Scene
  private readonly reach: () => Send | undefined

  constructor(scene: Scene, reach: () => Send | undefined) {
    this.scene = scene
    this.reach = reach
  }

  /** Sends a message, to a random receiver by default. Sometimes sends the previous text again. */
  post(receiver?: Target): void {
    const { dice, after } = this.scene
    const last = dice.chance(0.25) ? this.orders.at(-1) : undefined
    const text = last?.text ?? this.inventText()
    const to = receiver ?? last?.to ?? dice.pick(receivers)
    this.order(to, text)
    // About when WeCom's duplicate check ends.
    if (dice.chance(0.1)) after(duplicateMs + dice.between(-5_000, 10_000), () => this.order(to, text))
  }

  private order(to: Target, text: string): void {
    const { dice, count, after } = this.scene
    const order: Order = { key: `k${this.orders.length + 1}`, to, text, isAccepted: false }
    this.orders.push(order)
    count('send request')
    this.send(order, 4)
    if (dice.chance(0.3)) after(dice.pick([1, 50, 5_000, 90_000]), () => this.repeat(order))
    if (dice.chance(0.1)) after(dice.between(100, 60_000), () => this.reuseKey(order))
  }

  private inventText(): string {
    const { dice } = this.scene
    const key = `k${this.orders.length + 1}`
    const words = dice.chance(0.85) ? 1 : dice.chance(0.7) ? dice.between(200, 1_500) : dice.between(2_000, 4_000)
    return Array.from({ length: words }, (_, n) => `«${key}» ${n}字`).join(' ')
  }

  private repeat(order: Order): void {
    this.scene.count('send request repeated')
    this.send(order, 1)
  }

  private send(order: Order, tries: number): void {
    const { scene } = this
    const again = () => {
      if (tries > 1) scene.after(scene.dice.between(500, 8_000), () => this.send(order, tries - 1))
    }
    const send = this.reach()
    if (send === undefined) return again()
    send(requestOf(order, order.text)).then(
      delivery => {
        order.isAccepted = true
        const stored = scene.db.delivery(delivery.id)
        if (stored === undefined) scene.broken(`${order.key} was accepted but is not on disk`)
        if (delivery.id !== deliveryIdOf(order.key)) scene.broken(`${order.key} got the id ${delivery.id}`)
      },
      error => {
        scene.note(`script: ${order.key} was refused: ${String(error)}`)
        const isFair = isCode(error, 'store_failed') && scene.clock.steady.now() === scene.quietSince()
        if (!isFair) scene.broken(`${order.key} was refused: ${String(error)}`)
        again()
      },
    )
  }

  /** Reuses the key of an accepted request for another text. */
  private reuseKey(order: Order): void {
    const { scene } = this
    if (!order.isAccepted) return
    this.reach()?.(requestOf(order, 'something else')).then(
      () => scene.broken(`${order.key} was accepted twice, with different contents`),
      error => {
        if (isCode(error, 'conflict')) scene.count('idempotencyKey reused')
        else if (!isCode(error, 'store_failed')) scene.broken(`${order.key} was refused: ${String(error)}`)
      },
    )
  }
}

function requestOf({ key, to }: Order, content: string): Parameters<Send>[0] {
  const text: SendContent = { kind: 'text', content }
  return { to, content: text, idempotencyKey: key }
}
