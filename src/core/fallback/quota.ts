import { createHash } from 'node:crypto'
import type { Delivery } from '../../domain/delivery.ts'
import { hourMs, minuteMs } from '../../domain/duration.ts'
import { limits } from '../../domain/limits.ts'
import type { QuotaKey } from '../../domain/ports.ts'
import { formatTarget } from '../../domain/target.ts'

/**
 * Windows are longer than WeCom's by this much: WeCom counts a message when it arrives, we when we start to send it.
 */
const latencyMs = 2_000
/**
 * A slow request may reach WeCom this late, so the duplicate check of an equal message covers it for longer than we
 * asked. A message that is sent unchecked without need does no harm.
 */
const slowestRequestMs = 60_000

/** Returns the key of a part for WeCom's rate limits and duplicate check; undefined if neither applies. */
export function quotaKeyOf({ account, route, body }: Delivery, part: number): QuotaKey | undefined {
  if (body.kind !== 'messages') return undefined
  const to = formatTarget(body.to)
  const digest = createHash('sha256')
    .update(`${to}\0${JSON.stringify(body.messages[part - 1])}`)
    .digest('hex')
  const duplicateMs = limits.duplicateCheckSeconds * 1000 + slowestRequestMs
  if (route === 'webhook') {
    const budgets = [{ windowMs: minuteMs + latencyMs, most: limits.robotPerMinute }]
    return { scope: to, part, digest, members: [to], budgets, duplicateMs }
  }
  const budgets = [
    { windowMs: minuteMs + latencyMs, most: limits.messagesPerMinute },
    { windowMs: hourMs + latencyMs, most: limits.messagesPerHour },
  ]
  const members = body.to.kind === 'user' ? body.to.ids.map(id => id.toLowerCase()) : []
  return { scope: account, part, digest, members, budgets, duplicateMs }
}
