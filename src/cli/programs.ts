import type { CommandName, Program } from './table/commands.ts'
import type { Terminal } from './terminal.ts'

/** What runs each command. A command is loaded when it is called, so that the daemon holds nothing of the demo. */
export const programs: { readonly [Name in CommandName]: () => Promise<Program<Name, Terminal>> } = {
  demo: async () => (await import('./demo.ts')).demo,
  run: async () => (await import('./run.ts')).run,
  status: async () => (await import('./status.ts')).status,
  send: async () => (await import('./send.ts')).send,
  trace: async () => (await import('./trace.ts')).trace,
  dead: async () => (await import('./dead.ts')).dead,
  explain: async () => (await import('./explain.ts')).explain,
  check: async () => (await import('./check.ts')).check,
  config: async () => (await import('./config.ts')).config,
  completion: async () => (await import('./completion.ts')).completion,
  version: async () => (await import('./version.ts')).version,
}
