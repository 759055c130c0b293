import { formatUserOf, type Inbound } from '../../domain/message.ts'
import type { BridgeContext } from '../context.ts'

/**
 * The message with its sender told from people of other companies. A Bot can serve several companies, and each gives out
 * user ids of its own. Ids of the account's company stay as they are: the company of its app, or without one the first
 * that the Bot has seen.
 */
export async function withCompany(context: BridgeContext, inbound: Inbound): Promise<Inbound> {
  const { account, corpid, sender, conversation } = inbound
  if (corpid === undefined) return inbound
  const own = context.accounts.get(account)?.corpId ?? (await firstSeen(context, account, corpid))
  if (corpid.toLowerCase() === own.toLowerCase()) return inbound
  const id = formatUserOf(corpid, sender)
  return {
    ...inbound,
    sender: id,
    conversation: conversation.kind === 'direct' ? { ...conversation, id } : conversation,
  }
}

async function firstSeen({ store }: BridgeContext, account: string, corpid: string): Promise<string> {
  const key = `company:${account}`
  const known = await store.keyValue.get(key)
  if (known !== undefined) return known
  await store.keyValue.set(key, corpid)
  return corpid
}
