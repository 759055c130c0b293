import {
  type Callback,
  type Card,
  type Click,
  formatClick,
  type Inbound,
  isOutsider,
  type Receive,
  type Reply,
} from '../../domain/message.ts'
import { formatStreamId, formatTurnId } from '../../domain/routing.ts'
import { type Turn, tracedUpTo } from '../../domain/turn.ts'
import { planCardUpdate, clickedCard } from '../../core/cards/click.ts'
import { streamOfClick } from '../../core/cards/route.ts'
import { firstFrame, type Live, streamFrame } from '../../core/streaming/frame.ts'
import { commandIn, type OpenSettings, openTurn } from '../../core/streaming/open.ts'
import { advance } from '../../core/streaming/advance.ts'
import { withCompany } from './company.ts'
import { openSettingsOf } from './open-settings.ts'
import { sendWelcome, recordActivity } from './app-events.ts'
import { loadPictures } from '../deliver/collect.ts'
import { type AccountSettings, type BridgeContext, translatorOf } from '../context.ts'
import { clearFeedback, recordFeedback, pendingFeedback } from './feedback.ts'

const empty: Reply = { kind: 'empty' }
/** Further duplicates of a message are not added to its trace. */
const maxTracedDuplicates = 10

/**
 * Creates the handler for decoded callbacks of WeCom. It opens turns, and answers refreshes of a bubble from the store.
 *
 * When the reply resolves, everything that it promises is on disk. WeCom waits a few seconds for it, so no network call
 * is awaited. WeCom repeats callbacks: everything here has an effect once per msgid or event key.
 */
export function createReceive(context: BridgeContext): Receive {
  return async (callback: Callback) => {
    switch (callback.kind) {
      case 'message': {
        const inbound = await withCompany(context, callback.inbound)
        return inbound.click === undefined
          ? receiveMessage(context, inbound)
          : receiveClick(context, inbound, inbound.click)
      }
      case 'refresh':
        return receiveRefresh(context, callback)
      case 'enter':
        return receiveEnter(context, callback)
      case 'greet':
        await sendWelcome(context, callback)
        return empty
      case 'activity':
        await recordActivity(context, callback)
        return empty
      case 'feedback':
        await recordFeedback(context, callback)
        return empty
      case 'unhandled':
        return empty
      default:
        return callback satisfies never
    }
  }
}

async function receiveMessage(context: BridgeContext, inbound: Inbound): Promise<Reply> {
  const account = context.accounts.get(inbound.account)
  if (account === undefined) return empty
  const id = formatTurnId(inbound.account, inbound.msgid)
  const settings = await openSettings(context, account, inbound)
  const isChat = inbound.text.trim() !== '' && commandIn(inbound) === undefined
  const feedback = account.agentGetsFeedback && isChat ? await pendingFeedback(context, settings.sessionKey) : undefined
  const { sender, receivedAt } = inbound
  const token = Buffer.from(context.random.bytes(16)).toString('base64url')
  const key = { id, account: account.id, conversation: inbound.conversation, sender, receivedAt }
  const { turn, seen } = await context.store.open(key, load => {
    const withFeedback =
      feedback === undefined
        ? inbound
        : { ...inbound, before: [`${feedback}\n`, inbound.before].filter(part => part !== undefined).join('\n') }
    const streamId = formatStreamId(load.nextOrder, token)
    return openTurn(withFeedback, load, { ...settings, streamId }, account.translate)
  })
  if (seen) await traceDuplicate(context, turn, receivedAt)
  if (feedback !== undefined && !seen) await clearFeedback(context, settings.sessionKey)
  if (inbound.surface === 'bot') return { kind: 'stream', frame: firstFrame(turn, account.placeholder) }
  // Nothing but the reply to the callback reaches a user of another company.
  return isOutsider(sender) && turn.closedWith !== undefined ? { kind: 'text', content: turn.closedWith } : empty
}

/**
 * A click on a card becomes a message to the agent, with the task_id that the agent gave the card, and the card is
 * replaced by one that shows the choice. If the card's answer is not in the store (it is too old, or the card was sent
 * first), the agent gets the click with the task_id as it is and the card stays.
 */
async function receiveClick(context: BridgeContext, inbound: Inbound, click: Click): Promise<Reply> {
  const stream = streamOfClick(click)
  const owner = stream === undefined ? undefined : await context.store.findByStream(stream)
  const shown = owner?.account === inbound.account ? owner.card : undefined
  const reported = shown === undefined ? click : { ...click, taskId: shown.modelTaskId ?? '' }
  await receiveMessage(context, { ...inbound, text: formatClick(reported) })
  if (shown === undefined) return empty
  if (inbound.surface === 'app') return await updateInApp(context, inbound, shown.card, click)
  const card = clickedCard(shown.card, click, translatorOf(context, inbound.account))
  return card === undefined ? empty : { kind: 'card_update', card }
}

async function updateInApp(context: BridgeContext, inbound: Inbound, card: Card, click: Click): Promise<Reply> {
  const turn = await context.store.find(formatTurnId(inbound.account, inbound.msgid))
  const update = turn && planCardUpdate(turn, card, click, translatorOf(context, inbound.account))
  if (update === undefined) return empty
  await context.store.outbox.write({ add: [update] })
  return empty
}

async function openSettings(
  context: BridgeContext,
  account: AccountSettings,
  inbound: Inbound,
): Promise<Omit<OpenSettings, 'streamId'>> {
  const { conversation, sender, surface } = inbound
  const { agent, dynamicAgents } = context
  return openSettingsOf(context, account, {
    surface,
    sender,
    conversation,
    agent: await dynamicAgents.choose(context.route(conversation, sender)),
    canReset: agent.canReset(),
    approvals: agent.approvals(),
  })
}

async function traceDuplicate(context: BridgeContext, turn: Turn, at: number): Promise<void> {
  await context.store.update(turn.id, stored => {
    const traced = tracedUpTo(maxTracedDuplicates, stored, { at, kind: 'duplicate' })
    return traced && { save: [traced] }
  })
}

async function receiveRefresh(
  context: BridgeContext,
  { account, streamId }: Extract<Callback, { kind: 'refresh' }>,
): Promise<Reply> {
  const found = await context.store.findByStream(streamId)
  if (found === undefined || found.account !== account) {
    const content = translatorOf(context, account)({ key: 'unknown_stream' })
    return { kind: 'stream', frame: { streamId, content, finish: true } }
  }
  const now = context.clock.now()
  const translate = translatorOf(context, account)
  const isFinishing = found.closedWith !== undefined || found.state === 'closing'
  const turn = isFinishing ? await recordServed(context, found, now) : found
  const pictures = await loadPictures(context, turn)
  const frame = streamFrame(turn, viewOf(context, turn, now), translate)
  return { kind: 'stream', frame: pictures.length === 0 ? frame : { ...frame, pictures } }
}

/**
 * Commits that a final frame is served before it leaves. Otherwise a crash would send its text by another route as
 * well.
 */
async function recordServed(context: BridgeContext, turn: Turn, at: number): Promise<Turn> {
  const translate = translatorOf(context, turn.account)
  const event = { kind: 'served', at } as const
  if (advance(turn, event, translate) === undefined) return turn
  const served = await context.store.update(turn.id, stored => advance(stored, event, translate))
  return served ?? turn
}

function viewOf(context: BridgeContext, turn: Turn, now: number) {
  const status = context.agent.status()
  const text = context.live.text(turn.id)
  const phase = context.live.phase(turn.id)
  const textAt = context.live.textAt(turn.id)
  const approval = context.agent.approvals().find(({ sessionKey }) => sessionKey === turn.sessionKey.toLowerCase())
  const live: Live = { text: text ?? turn.answer, ...(phase && { phase }), ...(textAt !== undefined && { textAt }) }
  return {
    now,
    live,
    placeholder: context.accounts.get(turn.account)?.placeholder ?? '',
    ...(approval && { approval }),
    ...(status.state !== 'up' && { offlineSince: status.since }),
  }
}

async function receiveEnter(context: BridgeContext, callback: Extract<Callback, { kind: 'enter' }>): Promise<Reply> {
  const welcomeText = context.accounts.get(callback.account)?.welcomeText
  if (welcomeText === undefined) return empty
  await context.store.see(callback.account, callback.msgid, context.clock.now())
  return { kind: 'text', content: welcomeText }
}
