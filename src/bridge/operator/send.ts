import { createHash } from 'node:crypto'
import type { Delivery, Message, Route } from '../../domain/delivery.ts'
import { judgeMedia, safeFileName } from '../../domain/media.ts'
import { everyone, formatTarget, type Target } from '../../domain/target.ts'
import { WecomdError } from '../../errors.ts'
import { laneOf } from '../../core/fallback/plan.ts'
import { planMessages, planRobotMessages } from '../../core/fallback/messages.ts'
import { checkContent, type SendContent, printableContent } from './content.ts'
import { type BridgeContext, translatorOf } from '../context.ts'

export interface SendRequest {
  readonly to: Target
  /** The account field of the request or the `@account` of the target. Missing: the default account. */
  readonly account?: string
  readonly content: SendContent
  readonly idempotencyKey?: string
}

/** The settings about sending that don't belong to one account. */
export interface SendRules {
  readonly defaultAccount: string
  readonly webhooks: readonly string[]
  readonly allowBroadcast: boolean
}

/**
 * Accepts a message from a script or an operator. When it resolves, the delivery is on disk and will be sent. With the
 * `idempotencyKey` of an earlier request it resolves to the delivery of that request and sends nothing.
 *
 * Rejects with a WecomdError: `bad_target`, `no_app`, `group_blocked`, `bad_message`, `conflict` (the key was used with
 * other content or another target), `overloaded`.
 */
export async function acceptSend(context: BridgeContext, rules: SendRules, request: SendRequest): Promise<Delivery> {
  const { to } = request
  const content = printableContent(request.content)
  const account = chooseAccount(context, rules, request)
  const route = chooseRoute(context, rules, account, to)
  checkContent(content, route)
  const id = idOf(context, request.idempotencyKey)
  const digest = digestOf(account, to, content)
  const known = await context.store.outbox.find(id)
  if (known !== undefined) return sameOrConflict(known, digest)

  const spoolFile = spoolFileOf(id, digest)
  const messages = plan(context, account, route, content, spoolFile)
  const isSpooled = messages.some(message => message.kind === 'media' && message.source.kind === 'spool')
  if (isSpooled && content.kind === 'media') await context.spool.keep(spoolFile, content.bytes)
  const now = context.clock.now()
  const planned: Delivery = {
    id,
    account,
    route,
    state: 'queued',
    dead: false,
    body: { kind: 'messages', to, messages },
    lane: laneOf(route, account, to),
    order: context.nextOrder(),
    dueAt: now,
    expiresAt: now + context.limits.deliverWithinMs,
    attempts: [],
    createdAt: now,
    digest,
  }
  const { delivery } = await context.store.outbox.post(planned, context.limits.outbox)
  return sameOrConflict(delivery, digest)
}

/**
 * Group robots are shared by all accounts. Their deliveries are stored under the default one, so that each robot has
 * one rate limit.
 */
function chooseAccount(context: BridgeContext, rules: SendRules, { to, account }: SendRequest): string {
  if (account !== undefined && !context.accounts.has(account)) {
    throw new WecomdError('bad_target', `there is no account "${account}"`, {
      hint: `configured accounts: ${[...context.accounts.keys()].join(', ')}`,
    })
  }
  return to.kind === 'webhook' ? rules.defaultAccount : (account ?? rules.defaultAccount)
}

function chooseRoute(context: BridgeContext, rules: SendRules, account: string, to: Target): Route {
  if (to.kind === 'webhook') {
    if (rules.webhooks.includes(to.name)) return 'webhook'
    throw new WecomdError('bad_target', `there is no webhook "${to.name}"`, {
      hint:
        rules.webhooks.length === 0
          ? 'add it to channels.wecom.webhooks'
          : `configured webhooks: ${rules.webhooks.join(', ')}`,
    })
  }
  const app = context.accounts.get(account)?.app
  if (app === undefined) {
    throw new WecomdError('no_app', `the account "${account}" has no self-built app to send with`, {
      hint: `configure ${sectionOf(account)} (corpId, corpSecret, agentId), or send to webhook:NAME`,
    })
  }
  if (to.kind === 'group' && !app.allowAppChat) throw groupBlocked()
  if (to.kind === 'user' && to.ids[0] === everyone && !rules.allowBroadcast) {
    throw new WecomdError('bad_target', 'a message to everyone is not allowed', {
      hint: 'set outbound.allowBroadcast to true, or send to users, a party or a tag',
    })
  }
  return to.kind === 'group' ? 'appchat' : 'app'
}

function sectionOf(account: string): string {
  return account === 'default' ? 'channels.wecom.agent' : `channels.wecom.accounts.${account}.agent`
}

function groupBlocked(): WecomdError {
  return new WecomdError(
    'group_blocked',
    'an app cannot write to ordinary groups, only to groups that it created itself',
    {
      hint: 'send to user:, party:, tag: or webhook:NAME, or let the Bot answer in the group; if this app created the group, set channels.wecom.agent.allowAppChat to true',
    },
  )
}

/**
 * Contains the digest, so that a request with the same key and other content cannot overwrite the file before it is
 * refused.
 */
function spoolFileOf(id: string, digest: string): string {
  return `${id}-${digest.slice(0, 16)}`
}

/** The delivery that a spool file belongs to, from the name that `spoolFileOf` gave it. */
export function deliveryIdOfFile(file: string): string {
  return file.slice(0, file.lastIndexOf('-'))
}

/** Derives the id from the key, so that a repeated request finds its delivery. */
export function deliveryIdOf(idempotencyKey: string): string {
  return `send_${sha256(idempotencyKey).slice(0, 32)}`
}

function idOf(context: BridgeContext, idempotencyKey: string | undefined): string {
  if (idempotencyKey !== undefined) return deliveryIdOf(idempotencyKey)
  // Begins with the time: neighbouring keys share database pages, so a batch writes fewer of them.
  return `send_${context.clock.now().toString(36)}${Buffer.from(context.random.bytes(12)).toString('hex')}`
}

function digestOf(account: string, to: Target, content: SendContent): string {
  const hashed = content.kind === 'media' ? { ...content, bytes: sha256(content.bytes) } : content
  return sha256(JSON.stringify([account, formatTarget(to), hashed]))
}

function sameOrConflict(delivery: Delivery, digest: string): Delivery {
  if (delivery.digest === digest) return delivery
  throw new WecomdError('conflict', 'this idempotencyKey was used for something else', {
    hint: 'a new message needs a new key; a retry needs the same content and target',
  })
}

function plan(
  context: BridgeContext,
  account: string,
  route: Route,
  content: SendContent,
  file: string,
): readonly Message[] {
  switch (content.kind) {
    case 'text':
    case 'markdown': {
      const translate = translatorOf(context, account)
      return route === 'webhook'
        ? planRobotMessages(content.content, content.kind, translate)
        : planMessages(content.content, content.kind, translate)
    }
    case 'card':
    case 'news':
      return [content]
    case 'media': {
      const verdict = judgeMedia(content.bytes)
      if ('refused' in verdict) throw new WecomdError('bad_message', `the media cannot be sent: ${verdict.refused}`)
      const { fileName, bytes } = content
      const source = { kind: 'spool', file } as const
      const media = route === 'webhook' && verdict.media === 'video' ? 'file' : verdict.media
      return [{ kind: 'media', media, fileName: safeFileName(fileName), bytes: bytes.length, source }]
    }
    default:
      return content satisfies never
  }
}

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
