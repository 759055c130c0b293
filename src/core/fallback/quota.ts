import { createHash } from 'node:crypto'
import type { Delivery } from '../../domain/delivery.ts'
import { hourMs, minuteMs } from '../../domain/duration.ts'
import { limits } from '../../domain/limits.ts'
import type { QuotaKey } from '../../domain/ports.ts'
import { formatTarget } from '../../domain/target.ts'

/** The platform counts a message from when it came, which may be this much after it was written down as sent. */
const latencyMs = 2_000
/** So late an answer may be given to a request that is slow: a message too many that is not checked does no harm. */
const slowestMs = 60_000

/** What a message counts as, for the platform's budgets and its search for duplicates. */
export function quotaKeyOf({ account, route, body }: Delivery, part: number): QuotaKey | undefined {
  if (body.kind !== 'messages') return undefined
  const to = formatTarget(body.to)
  const digest = createHash('sha256')
    .update(`${to}\0${JSON.stringify(body.messages[part - 1])}`)
    .digest('hex')
  const duplicateMs = limits.duplicateCheckSeconds * 1000 + slowestMs
  if (route === 'webhook') {
    const budgets = [{ windowMs: minuteMs + latencyMs, most: limits.robotPerMinute }]
    return { scope: to, part, digest, members: [to], budgets, duplicateMs: duplicateMs }
  }
  const budgets = [
    { windowMs: minuteMs + latencyMs, most: limits.messagesPerMinute },
    { windowMs: hourMs + latencyMs, most: limits.messagesPerHour },
  ]
  const members = body.to.kind === 'user' ? body.to.ids.map(id => id.toLowerCase()) : []
  return { scope: account, part, digest, members, budgets, duplicateMs: duplicateMs }
}
