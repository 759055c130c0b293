import type { Row, Session } from './runs/history.ts'

/** Commands that OpenClaw executes instead of asking the agent, anywhere in a message. */
const directives =
  'think thinking t verbose v trace fast elevated elev reasoning reason exec status model queue help commands whoami id compact new reset'
const directive = new RegExp(`(?<!\\S)/(?:${directives.replaceAll(' ', '|')})(?=$|\\s|:)`, 'i')

const defaultModel = 'echo/echo-1'

/** Runs a command and returns the gateway's answer, or undefined if the message is for the agent. */
export function runCommand(message: string, session: Session): string | undefined {
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

/** The history row of a command's answer: it has no run, and the key of its message. */
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
