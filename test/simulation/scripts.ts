import type { SendContent } from '../../src/bridge/operator/content.ts'
import { deliveryIdOf } from '../../src/bridge/operator/send.ts'
import { limits } from '../../src/domain/limits.ts'
import type { Target } from '../../src/domain/target.ts'
import { isCode } from '../../src/errors.ts'
import type { Send } from './daemon.ts'
import type { Scene } from './scene.ts'

/** What a script wants to be sent. */
interface Order {
  readonly key: string
  readonly to: Target
  readonly text: string
  /** The daemon has said that it is stored. */
  isAccepted: boolean
}

const duplicateMs = limits.duplicateCheckSeconds * 1_000

const receivers: readonly [Target, ...Target[]] = [
  { kind: 'user', ids: ['zhangsan'] },
  { kind: 'user', ids: ['lisi'] },
  { kind: 'user', ids: ['zhangsan', 'wangwu'] },
  { kind: 'party', ids: ['7'] },
]

/** Programs beside the daemon that send first, and ask again under the same key until they know that it is stored. */
export class Scripts {
  readonly orders: Order[] = []
  private readonly scene: Scene
  private readonly reach: () => Send | undefined

  constructor(scene: Scene, reach: () => Send | undefined) {
    this.scene = scene
    this.reach = reach
  }

  /** Something is to be sent, to one of the receivers there are unless it is said to whom; now and then the same again. */
  post(receiver?: Target): void {
    const { dice, after } = this.scene
    const last = dice.chance(0.25) ? this.orders.at(-1) : undefined
    const text = last?.text ?? this.inventText()
    const to = receiver ?? last?.to ?? dice.pick(receivers)
    this.order(to, text)
    // About when the platform stops to take it for a duplicate.
    if (dice.chance(0.1)) after(duplicateMs + dice.between(-5_000, 10_000), () => this.order(to, text))
  }

  private order(to: Target, text: string): void {
    const { dice, count, after } = this.scene
    const order: Order = { key: `k${this.orders.length + 1}`, to, text, isAccepted: false }
    this.orders.push(order)
    count('sent first')
    this.ask(order, 4)
    if (dice.chance(0.3)) after(dice.pick([1, 50, 5_000, 90_000]), () => this.repeat(order))
    if (dice.chance(0.1)) after(dice.between(100, 60_000), () => this.abuse(order))
  }

  private inventText(): string {
    const { dice } = this.scene
    const key = `k${this.orders.length + 1}`
    const words = dice.chance(0.85) ? 1 : dice.chance(0.7) ? dice.between(200, 1_500) : dice.between(2_000, 4_000)
    return Array.from({ length: words }, (_, n) => `«${key}» ${n}字`).join(' ')
  }

  private repeat(order: Order): void {
    this.scene.count('sent first again')
    this.ask(order, 1)
  }

  private ask(order: Order, tries: number): void {
    const { scene } = this
    const again = () => {
      if (tries > 1) scene.after(scene.dice.between(500, 8_000), () => this.ask(order, tries - 1))
    }
    const send = this.reach()
    if (send === undefined) return again()
    send(requestOf(order, order.text)).then(
      delivery => {
        order.isAccepted = true
        const stored = scene.db.delivery(delivery.id)
        if (stored === undefined) scene.broken(`${order.key} was accepted and is not on disk`)
        if (delivery.id !== deliveryIdOf(order.key)) scene.broken(`${order.key} is known as ${delivery.id}`)
      },
      error => {
        scene.note(`script: ${order.key} was refused: ${String(error)}`)
        const isFair = isCode(error, 'store_failed') && scene.clock.steady.now() === scene.quietSince()
        if (!isFair) scene.broken(`${order.key} was refused: ${String(error)}`)
        again()
      },
    )
  }

  /** The key of something that was accepted, for something else. */
  private abuse(order: Order): void {
    const { scene } = this
    if (!order.isAccepted) return
    this.reach()?.(requestOf(order, 'something else')).then(
      () => scene.broken(`${order.key} was accepted twice, with different contents`),
      error => {
        if (isCode(error, 'conflict')) scene.count('key used for something else')
        else if (!isCode(error, 'store_failed')) scene.broken(`${order.key} was refused: ${String(error)}`)
      },
    )
  }
}

function requestOf({ key, to }: Order, content: string): Parameters<Send>[0] {
  const text: SendContent = { kind: 'text', content }
  return { to, content: text, idempotencyKey: key }
}
