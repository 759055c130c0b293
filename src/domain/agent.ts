import type { Failure } from './failure.ts'
import type { MediaBytes } from './spool.ts'
import type { AgentQuestion, Phase } from './turn.ts'

/** A file that a new agent finds in its workspace. */
export interface StartFile {
  readonly name: string
  readonly content: string
}

/** What a run wants to do, and for which it waits for the word of an administrator. */
export interface Approval {
  readonly id: string
  /** The key of the question, unless its run was resumed or waited behind another. */
  readonly runId?: string
  /** As the gateway spells it: lower case. */
  readonly sessionKey: string
  /** Whether it wants to execute a command, or a plugin of the gateway wants its next step approved. */
  readonly kind: 'command' | 'plugin'
  /** The command; of a plugin its title and description. */
  readonly command: string
  readonly expiresAt: number
}

/** What became of fetching a file of an answer: kept in the spool, not to be had, or to be tried again. */
export type FileFetched =
  | { readonly kind: 'kept'; readonly bytes: number; readonly digest: string }
  | { readonly kind: 'failed'; readonly problem: 'gone' | 'too_large' }
  | { readonly kind: 'later'; readonly retryAfterMs?: number }

/** What is known of the agent's link. `reason` and `hint` are for the operator. */
export interface LinkStatus {
  readonly state: 'up' | 'connecting' | 'down' | 'refused' | 'pairing'
  readonly since: number
  readonly reason?: string
  readonly hint?: string
  /** What the gateway lets this link do, once it is up. */
  readonly scopes?: string
}

/** Whether the gateway refuses a link, so that only an operator can help. */
export function isBarred({ state }: LinkStatus): boolean {
  return state === 'refused' || state === 'pairing'
}

/** A question to the agent. `mark` must be awaited before it leaves: it commits that this boot was asked. */
export interface Ask {
  readonly key: string
  readonly sessionKey: string
  readonly message: string
  /** Not to be asked for the first time at or after this. */
  readonly askBefore: number
  readonly asked?: { readonly at: number; readonly bootId: string }
  /** Files that go with the question; each fits `AgentLimits`. */
  readonly attachments?: readonly AskAttachment[]
  /** The message is a command for the gateway; what stands behind its name is text all the same. */
  readonly isCommand?: boolean
  mark(bootId: string): Promise<void>
}

export interface AskAttachment extends MediaBytes {
  readonly kind: 'image' | 'audio' | 'file'
  readonly mimeType: string
  readonly fileName: string
}

/** What the gateway takes with one question, in bytes before base64. */
export interface AgentLimits {
  readonly attachmentBytes: number
  readonly imageBytes: number
  /** All attachments of one question together. */
  readonly questionBytes: number
}

/** Snapshots of a running answer; applying one twice or missing one does no harm. */
export type ReplyChunk =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'phase'; readonly phase: Phase }
  | { readonly kind: 'resumed' }
  /** The gateway ended the run before it began, and the question is asked again. */
  | { readonly kind: 'asked_again' }

/** A file that came with an answer; without an id the agent does not hand it over. */
export interface AgentFile {
  readonly id?: string
  readonly fileName: string
  readonly mimeType: string
}

/** Files that the agent may hand over after the end of a run. */
export interface FileSearch {
  /** The runs that answered the question. */
  readonly runIds: readonly string[]
  /** The names of the files that the answer announces, as far as they are known. */
  readonly named: readonly string[]
  /** Whether there may be files without a known name. `unlikely`: only a tool may have made some. */
  readonly others: 'none' | 'unlikely' | 'possible'
}

/** The files of an answer that the agent hands over at the moment, or why they are not known. */
export type FilesFound =
  | { readonly kind: 'found'; readonly files: readonly AgentFile[] }
  | { readonly kind: 'later'; readonly retryAfterMs?: number }

/** What the agent said in a session without being asked. `at` is epoch ms by the gateway's clock. */
export interface UnaskedAnswer {
  readonly runId: string
  readonly at: number
  readonly text: string
  readonly files: readonly AgentFile[]
}

/** The unasked answers in the recent history of a session, oldest first, or why they are not known. */
export type UnaskedFound =
  | { readonly kind: 'found'; readonly answers: readonly UnaskedAnswer[] }
  | { readonly kind: 'later'; readonly retryAfterMs?: number }

/** With a `search`, more files of the answer may follow: `Agent.findFiles` returns them. */
export type RunEnd =
  | {
      readonly kind: 'answered'
      readonly text: string
      readonly files?: readonly AgentFile[]
      readonly search?: FileSearch
    }
  | { readonly kind: 'empty'; readonly search?: FileSearch }
  /** Never asked: `askBefore` passed first. */
  | { readonly kind: 'expired' }
  | {
      readonly kind: 'failed'
      readonly reason: 'error' | 'lost' | 'timeout' | 'agent_unknown'
      readonly text: string
      /** What the gateway says about it. */
      readonly failure?: Failure
    }
  | { readonly kind: 'stopped'; readonly text: string }

export interface Agent {
  status(): LinkStatus
  /** Undefined before the first connection. */
  limits(): AgentLimits | undefined
  /** Called whenever the link comes up or goes down. */
  onStatus(listener: (status: LinkStatus) => void): void
  /**
   * Asks at most once per gateway boot and follows the run to its end, across reconnects and restarts. Rejects with
   * `cancelled` when `signal` fires; the run itself goes on and a later ask with the same key follows it.
   */
  ask(ask: Ask, on: (chunk: ReplyChunk) => void, signal: AbortSignal): Promise<RunEnd>
  /** Stops a run that was asked; resolves also when there was none. */
  abort(key: string, sessionKey: string): Promise<void>
  /** Whether `reset` may work at the moment. */
  canReset(): boolean
  /** Whether the gateway refuses us what needs admin scope, and only an operator can help. */
  lacksAdmin(): boolean
  /** Whether there is an agent of this id. Rejects like `makeAgent`. */
  knowsAgent(id: string): Promise<boolean>
  /**
   * Makes an agent and puts the files into its workspace that new ones start with. One that exists is left as it is,
   * unless it is ours and `isUnfinished`. Rejects with `gateway_refused`, `gateway_timeout` or `gateway_down`.
   */
  makeAgent(id: string, isUnfinished: boolean): Promise<void>
  /** What waits for approval at the moment, over all sessions of the gateway, the oldest first. */
  approvals(): readonly Approval[]
  /** Called when another one waits. */
  onApproval(listener: (approval: Approval) => void): void
  /** False when it does not wait any more. Rejects with `gateway_refused`, `gateway_timeout` or `gateway_down`. */
  approve(id: string, decision: 'allow-once' | 'deny'): Promise<boolean>
  /** Called for what an agent asks its user, again for what still waits after each connect, and when it is over. */
  onQuestion(listener: (question: AgentQuestion, isOver: boolean) => void): void
  /**
   * Answers each item by its id, with labels of options or the user's own words. False when nobody waits for it any more.
   * Rejects with `gateway_refused`, `gateway_timeout` or `gateway_down`.
   */
  answerQuestion(id: string, answers: Readonly<Record<string, readonly string[]>>): Promise<boolean>
  /** Begins a session anew. Rejects with `gateway_refused`, `gateway_timeout` or `gateway_down`. */
  reset(sessionKey: string, reason: 'new' | 'reset'): Promise<void>
  /** All files of the answer to a question that the agent hands over by now, refused ones included. */
  findFiles(question: { key: string; sessionKey: string; runIds: readonly string[] }): Promise<FilesFound>
  /**
   * Called when a run ended with a message in a session of a WeCom conversation, and no `ask` follows it. Another client
   * may have asked it. `sessionKey` is in lower case.
   */
  onOtherRun(listener: (run: { readonly sessionKey: string; readonly runId: string }) => void): void
  /** What the agent said in a session without being asked by anyone. */
  findUnasked(sessionKey: string): Promise<UnaskedFound>
  /** Fetches a file of an answer into the spool as `file`; `digest` is the SHA-256 of its bytes, in hex. */
  collect(sessionKey: string, id: string, file: string): Promise<FileFetched>
}
