import type { Row, Session } from './runs/history.ts'

/** What the gateway takes as an order instead of asking the agent, at any place in a message. */
const directives =
  'think thinking t verbose v trace fast elevated elev reasoning reason exec status model queue help commands whoami id compact new reset'
const directive = new RegExp(`(?<!\\S)/(?:${directives.replaceAll(' ', '|')})(?=$|\\s|:)`, 'i')

const defaultModel = 'echo/echo-1'

/** Does what a message orders and gives the gateway's answer; undefined when the agent is to be asked. */
export function obey(message: string, session: Session): string | undefined {
  const [, name = '', rest = ''] = /^\/(\w+)(?:\s+(.*))?$/s.exec(message) ?? []
  const current = session.model ?? defaultModel
  switch (name.toLowerCase()) {
    case 'status':
      return `🦞 OpenClaw 2026.9.6 (echo)\n\n🧠 Model: ${current}\n\n🧵 Session: ${session.key}\n🪢 Queue: steer`
    case 'model':
      if (rest === '') return `Current: ${current}\nSession: /model <provider/model> -s`
      session.model = rest
      return `Model set to ${rest} for this session only; configured default unchanged.`
    default: {
      const found = directive.exec(message)?.[0]
      return found === undefined ? undefined : `⚙️ ${found}`
    }
  }
}

/** The answer to a command as the history has it: of no run, under the key of its message. */
export function commandRow(key: string, text: string, timestamp: number): Row {
  return {
    role: 'assistant',
    content: [{ type: 'text', text }],
    timestamp,
    stopReason: 'stop',
    model: 'gateway-injected',
    idempotencyKey: key,
    __openclaw: { id: `row-${key}`, idempotencyKey: key },
  }
}
