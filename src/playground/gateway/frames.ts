import { isObject, parseObject } from '../../domain/json.ts'

/** The error response to a request. With `closeCode`, the connection is closed after it. */
export interface RpcError {
  readonly ok: false
  readonly error: { readonly code: string; readonly message: string; readonly [more: string]: unknown }
  readonly closeCode?: number
}

export type RpcAnswer = { readonly ok: true; readonly payload: object } | RpcError

export type Params = Readonly<Record<string, unknown>>

export interface Request {
  readonly id: string
  readonly method: string
  readonly params: Params
}

/** Sends an event to clients; with `toolsOnly`, to those that requested tool events. */
export type Emit = (event: string, payload: object, toolsOnly?: boolean) => void

/** A successful answer. */
export function ok(payload: object): RpcAnswer {
  return { ok: true, payload }
}

/** Creates an error response. `more` are additional fields such as `details` and retry hints. */
export function refuse(code: string, message: string, more: object = {}, closeCode?: number): RpcError {
  const error = { code, message, ...more }
  return closeCode === undefined ? { ok: false, error } : { ok: false, error, closeCode }
}

/** Parses a request frame; undefined if it is anything else. */
export function parseRequest(text: string): Request | undefined {
  const frame = parseObject(text)
  if (frame?.['type'] !== 'req') return undefined
  const { id, method, params } = frame
  if (typeof id !== 'string' || typeof method !== 'string') return undefined
  return { id, method, params: isObject(params) ? params : {} }
}

type Kind = 'string' | 'number' | 'boolean' | 'object' | 'array'

interface Shape {
  readonly required: Readonly<Record<string, Kind>>
  readonly optional: Readonly<Record<string, Kind>>
}

/** The supported methods with their parameters and the required scope. Like in OpenClaw, other parameters are errors. */
const methods: Readonly<Record<string, Shape & { readonly scope: string }>> = {
  'chat.send': {
    scope: 'operator.write',
    required: { sessionKey: 'string', message: 'string', idempotencyKey: 'string' },
    optional: {
      agentId: 'string',
      sessionId: 'string',
      thinking: 'string',
      fastMode: 'boolean',
      queueMode: 'string',
      deliver: 'boolean',
      replyToId: 'string',
      attachments: 'array',
      toolBindings: 'array',
      timeoutMs: 'number',
      suppressCommandInterpretation: 'boolean',
      expectedLeafEntryId: 'string',
    },
  },
  'chat.history': {
    scope: 'operator.read',
    required: { sessionKey: 'string' },
    optional: {
      agentId: 'string',
      cursor: 'string',
      limit: 'number',
      maxBytes: 'number',
      maxChars: 'number',
      messageId: 'string',
      offset: 'number',
      sessionId: 'string',
    },
  },
  'chat.message.get': {
    scope: 'operator.read',
    required: { sessionKey: 'string', messageId: 'string' },
    optional: { agentId: 'string', maxChars: 'number' },
  },
  'chat.abort': {
    scope: 'operator.write',
    required: { sessionKey: 'string' },
    optional: { runId: 'string', agentId: 'string' },
  },
  'artifacts.list': {
    scope: 'operator.read',
    required: {},
    optional: { sessionKey: 'string', runId: 'string', taskId: 'string', agentId: 'string' },
  },
  'artifacts.download': {
    scope: 'operator.read',
    required: { artifactId: 'string' },
    optional: { sessionKey: 'string', runId: 'string', taskId: 'string', agentId: 'string' },
  },
  'agent.wait': { scope: 'operator.write', required: { runId: 'string' }, optional: { timeoutMs: 'number' } },
  'sessions.reset': {
    scope: 'operator.admin',
    required: { key: 'string' },
    optional: { reason: 'string', agentId: 'string' },
  },
  'agents.create': {
    scope: 'operator.admin',
    required: { name: 'string' },
    optional: { workspace: 'string', model: 'string' },
  },
  'exec.approval.list': { scope: 'operator.approvals', required: {}, optional: {} },
  'exec.approval.resolve': {
    scope: 'operator.approvals',
    required: { id: 'string', decision: 'string' },
    optional: {},
  },
  'plugin.approval.list': { scope: 'operator.approvals', required: {}, optional: {} },
  'plugin.approval.resolve': {
    scope: 'operator.approvals',
    required: { id: 'string', decision: 'string' },
    optional: {},
  },
  'question.list': { scope: 'operator.questions', required: {}, optional: {} },
  'question.resolve': { scope: 'operator.questions', required: { id: 'string', answers: 'object' }, optional: {} },
  'agents.delete': { scope: 'operator.admin', required: { agentId: 'string' }, optional: {} },
  'agents.files.list': { scope: 'operator.read', required: { agentId: 'string' }, optional: {} },
  'agents.files.set': {
    scope: 'operator.admin',
    required: { agentId: 'string', name: 'string', content: 'string' },
    optional: {},
  },
  'config.get': { scope: 'operator.read', required: {}, optional: {} },
  'agents.list': { scope: 'operator.read', required: {}, optional: {} },
  health: { scope: 'operator.read', required: {}, optional: { probe: 'boolean' } },
}

export const methodNames = Object.keys(methods)

/** Rejects an unknown method, a missing scope, or invalid parameters; undefined if the request is valid. */
export function checkRequest({ method, params }: Request, scopes: readonly string[]): RpcError | undefined {
  const shape = methods[method]
  if (!shape) return refuse('INVALID_REQUEST', `unknown method: ${method}`)
  if (!isAllowed(shape.scope, scopes)) {
    const details = { code: 'MISSING_SCOPE', missingScope: shape.scope, requiredScopes: [shape.scope] }
    return refuse('FORBIDDEN', `missing scope: ${shape.scope}`, { details })
  }
  const problem = invalidParams(params, shape)
  return problem === undefined ? undefined : refuse('INVALID_REQUEST', `invalid ${method} params: ${problem}`)
}

/** Whether a connection with these scopes has this one too. */
export function isAllowed(scope: string, scopes: readonly string[]): boolean {
  if (scopes.includes('operator.admin') || scopes.includes(scope)) return true
  return scope === 'operator.read' && scopes.includes('operator.write')
}

function invalidParams(params: Params, { required, optional }: Shape): string | undefined {
  for (const name of Object.keys(required)) {
    if (params[name] === undefined) return `at root: must have required property '${name}'`
  }
  for (const [name, value] of Object.entries(params)) {
    const kind = required[name] ?? optional[name]
    if (kind === undefined) return `at root: unexpected property '${name}'`
    const found = Array.isArray(value) ? 'array' : typeof value
    if (value !== undefined && found !== kind) return `at /${name}: must be ${kind}`
  }
  return undefined
}
