import type { EchoAgents } from './agents.ts'
import type { EchoApprovals } from './approvals.ts'
import type { EchoChat } from './runs/chat.ts'
import { type RpcAnswer, type Params, type Request, ok, refuse } from './frames.ts'
import type { EchoQuestions } from './questions.ts'
import { type Disk, describeHistory, findRow, normaliseKey } from './runs/history.ts'

/** The default of `maxChars` in `chat.history`. */
const historyChars = 8_000

/** The parts of the gateway that methods use. */
export interface Parts {
  readonly chat: EchoChat
  readonly agents: EchoAgents
  readonly approvals: EchoApprovals
  readonly questions: EchoQuestions
  readonly disk: Disk
}

/** Runs a method. The caller has checked scope and parameters. */
export async function callMethod(
  { method, params }: Request,
  { chat, agents, approvals, questions, disk }: Parts,
  scopes: readonly string[],
): Promise<RpcAnswer> {
  if (method === 'chat.send') return chat.send(params, scopes)
  if (method === 'exec.approval.list') return ok(approvals.list('exec'))
  if (method === 'plugin.approval.list') return ok(approvals.list('plugin'))
  if (method === 'exec.approval.resolve' || method === 'plugin.approval.resolve') return approvals.resolve(params)
  if (method === 'question.list') return ok(questions.list())
  if (method === 'question.resolve') return questions.resolve(params)
  if (method === 'chat.abort') return chat.abort(params)
  if (method === 'chat.history') return ok(history(params, chat, disk))
  if (method === 'chat.message.get') return getMessage(params, disk)
  if (method === 'artifacts.list') return chat.files.list(params)
  if (method === 'artifacts.download') return chat.files.download(params)
  if (method === 'agent.wait')
    return ok(await chat.wait(String(params['runId']), numberOf(params['timeoutMs'], 30_000)))
  if (method === 'sessions.reset') return ok(chat.reset(normaliseKey(String(params['key']))))
  if (method === 'agents.create') return agents.create(params)
  if (method === 'agents.delete') return agents.delete(params)
  if (method === 'agents.files.list') return agents.listFiles(params)
  if (method === 'agents.files.set') return agents.setFile(params)
  if (method === 'agents.list') return ok(agents.list())
  if (method === 'config.get') return ok({ config: agents.config() })
  return ok({ ok: true })
}

function history(params: Params, chat: EchoChat, disk: Disk): object {
  const key = normaliseKey(String(params['sessionKey']))
  const present = chat.present(key)
  const session = disk.sessions.get(key)
  const isKnown = session !== undefined && (session.rows.length > 0 || present.run !== undefined)
  const limits = { rows: numberOf(params['limit'], 200), chars: numberOf(params['maxChars'], historyChars) }
  return describeHistory(key, isKnown ? session : undefined, present, limits)
}

function getMessage(params: Params, disk: Disk): RpcAnswer {
  const row = findRow(disk, normaliseKey(String(params['sessionKey'])), String(params['messageId']))
  return row ? ok({ ok: true, message: row }) : refuse('INVALID_REQUEST', 'message not found')
}

function numberOf(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise
}
