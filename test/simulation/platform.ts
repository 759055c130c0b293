import type { Outcome } from '../../src/domain/delivery.ts'
import type { Scene } from './scene.ts'

/** The daemon gives a request up after this long (`network.timeoutMs`). */
const timeoutMs = 15_000

interface Post {
  readonly content: string
  outcome?: Outcome['outcome']
}

interface Address {
  readonly posts: Post[]
  /** The one body that the platform took. */
  shown?: string
}

type Treatment = 'takes it' | 'refuses' | 'busy' | 'loses the request' | 'loses the answer'

/** The response_urls of the platform: each takes one body, whatever becomes of the answer. */
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
      const isHeard = treatment !== 'loses the request' && treatment !== 'loses the answer'
      const answeredAt = isHeard ? handledAt + dice.between(5, 200) : postedAt + timeoutMs
      clock.steady.alarm(answeredAt, () =>
        answer(isHeard ? outcome : { outcome: 'unknown', errmsg: 'no answer in time' }),
      )
    })
    return promise
  }

  private choose(): Treatment {
    const roll = this.scene.dice.below(100)
    if (roll < 55) return 'takes it'
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
    const begun = db.deliveryTo(url)?.attempts.at(-1)
    if (begun === undefined || begun.outcome !== undefined) broken(`a post to ${url} left before it was written down`)
    const earlier = db.deliveryTo(url)?.attempts.slice(0, -1) ?? []
    const unknown = earlier.filter(attempt => attempt.outcome === 'unknown').length
    const retried = earlier.filter(attempt => attempt.outcome === 'retry').length
    if (unknown > 1 || unknown + retried < earlier.length) broken(`${url} was posted again although its fate is known`)
    if (address.posts.some(post => post.content !== content)) broken(`two different bodies were posted to ${url}`)
    // What was refused for good or is unknown twice must not be tried again; "not now" may be, as often as it takes.
    if (address.posts.filter(post => post.outcome !== 'retry').length >= 2) broken(`${url} was posted more than twice`)
  }
}
