import type { Agent } from '../../domain/agent.ts'
import type { AgentQuestion } from '../../domain/turn.ts'
import { messageOf } from '../../errors.ts'
import type { Clock, Log } from '../../world.ts'
import { type Json, listAt, numberAt, stringAt } from '../link/frames.ts'
import { questionScope } from '../link/handshake.ts'
import { GatewayRefusal } from '../link/rpc.ts'
import type { Connection } from '../link/socket.ts'

/** How long a question waits when the gateway does not say. */
const defaultWithinMs = 900_000

/** What the agents ask their users, over all sessions, from the gateway's events. */
export class Questions {
  private readonly connection: Connection
  private readonly world: { readonly clock: Clock; readonly log: Log }
  private readonly pending = new Map<string, AgentQuestion>()
  private readonly listeners: Parameters<Agent['onQuestion']>[0][] = []

  constructor(connection: Connection, world: { readonly clock: Clock; readonly log: Log }) {
    this.connection = connection
    this.world = world
    connection.subscribe({
      followsSession: () => false,
      event: (event, payload) => this.handleEvent(event, payload),
      // Events during a break are lost, so the whole list is read after each connect.
      status: ({ state }) => void (state === 'up' && this.mayAsk() && this.refresh()),
    })
  }

  /** The part of `Agent` for questions. */
  readonly methods: Pick<Agent, 'onQuestion' | 'answerQuestion'> = {
    onQuestion: listener => void this.listeners.push(listener),
    answerQuestion: (id, answers) => this.answer(id, answers),
  }

  private async answer(id: string, answers: Readonly<Record<string, readonly string[]>>): Promise<boolean> {
    try {
      await this.connection.request('question.resolve', { id, answers: { answers } })
      return true
    } catch (error) {
      const reason = error instanceof GatewayRefusal ? String(error.details['reason']) : ''
      if (!/^QUESTION_(?:NOT_FOUND|ALREADY_TERMINAL|EXPIRED)$/.test(reason)) throw error
      return false
    }
  }

  private mayAsk(): boolean {
    return this.connection.hello?.scopes.includes(questionScope) === true
  }

  private handleEvent(event: string, payload: Json): void {
    if (event === 'question.requested') this.report(payload)
    if (event === 'question.resolved') this.drop(stringAt(payload, 'id') ?? '')
  }

  private async refresh(): Promise<void> {
    try {
      const items = listAt(await this.connection.request('question.list', {}), 'questions')
      for (const id of this.pending.keys()) if (!items.some(item => item['id'] === id)) this.drop(id)
      for (const item of items) this.report(item)
    } catch (error) {
      this.world.log.warn('cannot list what agents ask their users', { error: messageOf(error) })
    }
  }

  private report(payload: Json): void {
    const question = decodeQuestion(payload, this.world.clock.now())
    if (question === undefined || stringAt(payload, 'status') === 'answered') return
    this.pending.set(question.id, question)
    for (const listener of this.listeners) listener(question, false)
  }

  private drop(id: string): void {
    const question = this.pending.get(id)
    if (question === undefined) return
    this.pending.delete(id)
    for (const listener of this.listeners) listener(question, true)
  }
}

function decodeQuestion(payload: Json, now: number): AgentQuestion | undefined {
  const id = stringAt(payload, 'id')
  const sessionKey = stringAt(payload, 'sessionKey')?.toLowerCase()
  const items = listAt(payload, 'questions').map(item => ({
    id: stringAt(item, 'questionId') ?? stringAt(item, 'id') ?? '',
    header: stringAt(item, 'header') ?? '',
    text: stringAt(item, 'question') ?? '',
    options: listAt(item, 'options').map(option => ({
      label: stringAt(option, 'label') ?? '',
      description: stringAt(option, 'description') ?? '',
    })),
    isMultiple: item['multiSelect'] === true,
  }))
  // A secret belongs into the gateway's own form, not into a chat.
  const isSecret = listAt(payload, 'questions').some(item => item['isSecret'] === true)
  if (id === undefined || sessionKey === undefined || items.length === 0 || isSecret) return undefined
  return { id, sessionKey, items, expiresAt: numberAt(payload, 'expiresAtMs') ?? now + defaultWithinMs }
}
