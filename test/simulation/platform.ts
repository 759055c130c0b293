import type { Outcome } from '../../src/domain/delivery.ts'
import type { Scene } from './scene.ts'

/** The daemon's request timeout (`network.timeoutMs`). */
const timeoutMs = 15_000

interface Post {
  readonly content: string
  outcome?: Outcome['outcome']
}

interface Address {
  readonly posts: Post[]
  /** The body that was accepted. */
  shown?: string
}

type Treatment = 'accepts it' | 'refuses' | 'busy' | 'loses the request' | 'loses the answer'

/** The response_urls. Each accepts one body, even if the daemon doesn't get the answer. */
export class SimulatedPlatform {
  private readonly scene: Scene
  private readonly addresses = new Map<string, Address>()

  constructor(scene: Scene) {
    this.scene = scene
  }

  shownAt(url: string): string | undefined {
    return this.addresses.get(url)?.shown
  }

  post(url: string, content: string): Promise<Outcome> {
    const { dice, clock, note, count } = this.scene
    const address = this.addresses.get(url) ?? { posts: [] }
    this.addresses.set(url, address)
    this.checkPost(url, content, address)
    count(address.posts.length === 0 ? 'posted' : 'posted again')
    const post: Post = { content }
    address.posts.push(post)
    const treatment = this.choose()
    note(`platform: ${url} is posted, the platform ${treatment}`)
    const isSlow = dice.chance(0.1)
    const postedAt = clock.steady.now()
    const handledAt = postedAt + (isSlow ? dice.between(1_000, 10_000) : dice.between(5, 200))
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const answer = (outcome: Outcome) => {
      post.outcome = outcome.outcome
      resolve(outcome)
    }
    clock.steady.alarm(handledAt, () => {
      const outcome = this.handle(address, content, treatment)
      const isAnswered = treatment !== 'loses the request' && treatment !== 'loses the answer'
      const answeredAt = isAnswered ? handledAt + dice.between(5, 200) : postedAt + timeoutMs
      clock.steady.alarm(answeredAt, () =>
        answer(isAnswered ? outcome : { outcome: 'unknown', errmsg: 'no answer in time' }),
      )
    })
    return promise
  }

  private choose(): Treatment {
    const roll = this.scene.dice.below(100)
    if (roll < 55) return 'accepts it'
    if (roll < 62) return 'refuses'
    if (roll < 72) return 'busy'
    return roll < 86 ? 'loses the request' : 'loses the answer'
  }

  private handle(address: Address, content: string, treatment: Treatment): Outcome {
    if (treatment === 'refuses') return { outcome: 'refused', errcode: 45_009 }
    if (treatment === 'busy') return { outcome: 'retry', errcode: -1 }
    if (treatment === 'loses the request') return { outcome: 'unknown' }
    if (address.shown !== undefined) return { outcome: 'refused', errcode: 60_140 }
    address.shown = content
    return { outcome: 'delivered', errcode: 0 }
  }

  private checkPost(url: string, content: string, address: Address): void {
    const { broken, db } = this.scene
    const attempt = db.deliveryTo(url)?.attempts.at(-1)
    if (attempt === undefined || attempt.outcome !== undefined) broken(`a post to ${url} left before it was on disk`)
    const earlier = db.deliveryTo(url)?.attempts.slice(0, -1) ?? []
    const unknown = earlier.filter(attempt => attempt.outcome === 'unknown').length
    const retried = earlier.filter(attempt => attempt.outcome === 'retry').length
    if (unknown > 1 || unknown + retried < earlier.length)
      broken(`${url} was posted again although its outcome is known`)
    if (address.posts.some(post => post.content !== content)) broken(`two different bodies were posted to ${url}`)
    // No retry after a refusal or a second unknown outcome. "Busy" may be retried without limit.
    if (address.posts.filter(post => post.outcome !== 'retry').length >= 2) broken(`${url} was posted more than twice`)
  }
}
