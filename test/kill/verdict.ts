import { limits } from '../../src/domain/limits.ts'
import type { EchoGateway } from '../../src/playground/gateway/echo-gateway.ts'
import type { Tenant } from '../../src/playground/tenant/tenant.ts'
import type { LedgerEntry } from '../../src/playground/tenant/ledger.ts'
import type { Binary } from '../scenarios/binary.ts'
import { journeyOf } from './rig.ts'
import { askOf, endOf, namesIn, type Said } from './traffic.ts'

/** Everything that users, platform and agent would have to complain of; empty when all is well. */
export async function complaintsOf(
  daemon: Binary,
  tenant: Tenant,
  echo: EchoGateway,
  said: readonly Said[],
): Promise<readonly string[]> {
  const answered = said.filter(({ bubble }) => bubble.captured.some(exchange => exchange.status === 200))
  const unanswered = await Promise.all(answered.map(one => complainOfAnswers(daemon, tenant, one)))
  const untold = await Promise.all(answered.map(one => complainOfReports(daemon, tenant, one)))
  return [
    ...tenant.violations(),
    ...daemon.noise,
    ...daemon.log.filter(line => line.level === 'error').map(line => JSON.stringify(line)),
    ...unanswered.flat(),
    ...untold.flat(),
    ...answered.flatMap(one => complainOfAsks(echo, one)),
    ...complainOfKeys(echo),
    ...complainOfOrder(echo, answered),
    ...said.flatMap(complainOfStrangers),
  ]
}

/** What a user reads, files too: a long answer is one. */
export function readOf({ media }: Tenant, { text, media: file }: LedgerEntry): string {
  return file === undefined ? text : `${media.uploads.find(({ sha256 }) => sha256 === file.sha256)?.bytes.toString()}`
}

/** Its whole answer is seen once; not at all only where the daemon itself says that it cannot know, or that no way could. */
async function complainOfAnswers(daemon: Binary, tenant: Tenant, { name, bubble }: Said): Promise<readonly string[]> {
  const times = tenant.ledger.entries.filter(entry => readOf(tenant, entry).includes(endOf(name))).length
  if (times === 1) return []
  const journey = await journeyOf(daemon, bubble.msgid)
  if (times === 0 && (await isExcused(daemon, bubble.msgid))) return []
  const into = journey.find(event => event['end'] === 'merged')?.['into']
  const further = typeof into === 'string' ? await journeyOf(daemon, into) : []
  return [`the answer to ${name} was seen ${times} times: ${JSON.stringify([...journey, ...further])}`]
}

/**
 * True when the delivery of the answer, or of the one that it was merged into, is listed as unknown, or when the answer
 * was too long for bubble and response_url together and its rest is kept for the operator.
 */
async function isExcused(daemon: Binary, id: string): Promise<boolean> {
  const journey = await journeyOf(daemon, id)
  const isLong = journey.some(event => event.kind === 'final' && Number(event['bytes']) > limits.responseMarkdownBytes)
  const dead = journey.filter(event => event.kind === 'delivery' && event['dead'] === true)
  if (dead.some(event => event['state'] === 'unknown')) return true
  if (isLong && dead.some(event => String(event['delivery']).endsWith(':remainder'))) return true
  const into = journey.find(event => event['end'] === 'merged')?.['into']
  return typeof into === 'string' && isExcused(daemon, into)
}

/** One response_url gets one body, and what the daemon says of it is what the user saw. */
async function complainOfReports(daemon: Binary, tenant: Tenant, { name, bubble }: Said): Promise<readonly string[]> {
  const bodies = tenant.responses.posts.filter(post => post.url === bubble.responseUrl).map(post => post.body)
  const several = new Set(bodies).size > 1 ? [`the response_url of ${name} got different bodies`] : []
  const journey = await journeyOf(daemon, bubble.msgid)
  const delivery = journey.find(
    event => event.kind === 'delivery' && String(event['delivery']).endsWith(':response_url'),
  )
  const state = delivery?.['state'] ?? 'unknown'
  const wasSeen = tenant.ledger.entries.some(({ kind, msgid }) => kind === 'markdown' && msgid === bubble.msgid)
  if (state === 'unknown' || (state === 'delivered') === wasSeen) return several
  return [...several, `the answer to ${name} is reported ${JSON.stringify(state)} and was${wasSeen ? '' : ' not'} seen`]
}

function complainOfAsks(echo: EchoGateway, { name }: Said): readonly string[] {
  const boots = echo.asks().flatMap(asked => (asked.text.includes(askOf(name)) ? [asked.bootId] : []))
  if (boots.length > 0 && new Set(boots).size === boots.length) return []
  return [`${name} was asked ${boots.length} times, in ${new Set(boots).size} boots of the gateway`]
}

/** Over all boots a question stands in the history once, however often and under however many keys it was asked. */
function complainOfKeys(echo: EchoGateway): readonly string[] {
  const sessions = [...new Set(echo.asks().map(asked => asked.sessionKey))]
  const rows = sessions.flatMap(session => echo.history(session)).flatMap(row => row.idempotencyKey ?? [])
  const keys = [...new Set(echo.asks().map(asked => asked.key.replace(/#\d+$/, '')))]
  return keys.flatMap(key => {
    const times = rows.filter(row => row.replace(/#\d+:user$/, ':user') === `${key}:user`).length
    return times === 1 ? [] : [`the history has ${key} ${times} times`]
  })
}

/**
 * Who got an answer to the callback before another one spoke in the same conversation is asked first. What joined a
 * waiting question goes with that one's place.
 */
function complainOfOrder(echo: EchoGateway, said: readonly Said[]): readonly string[] {
  const texts = echo.asks().map(asked => asked.text)
  const placed = said.map(one => ({
    ...one,
    place: texts.findIndex(text => text.includes(askOf(one.name))),
    joined: !texts.some(text => text.slice(text.indexOf('«')).startsWith(askOf(one.name))),
    takenAt: Math.min(...one.bubble.captured.flatMap(({ status, at, ms }) => (status === 200 ? [at + ms] : []))),
  }))
  return placed.flatMap(first =>
    placed.flatMap(then => {
      const isLater = first.conversation === then.conversation && then.bubble.sentAt > first.takenAt
      return isLater && !then.joined && then.place < first.place ? [`${then.name} was asked before ${first.name}`] : []
    }),
  )
}

/** A bubble never shows what was said to somebody else. */
function complainOfStrangers({ name, userid, bubble }: Said): readonly string[] {
  const shown = new Set(bubble.frames.flatMap(frame => namesIn(frame.content)))
  return [...shown]
    .filter(other => !other.startsWith(`${userid}-`))
    .map(other => `the bubble of ${name} shows ${other}`)
}
