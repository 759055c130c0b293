/** An exact piece of a source file, which must be there once, and what takes its place. */
export interface Edit {
  readonly file: string
  readonly from: string
  readonly to: string
}

/** A defect and the test files of which at least one must catch it, the quickest first. */
export interface Mutant {
  readonly name: string
  readonly edits: readonly Edit[]
  readonly tests: readonly string[]
}

/** Says which seed broke which law. */
export const simulation = 'test/simulation.test.ts'

export const mutants: readonly Mutant[] = [
  {
    name: '200 before commit',
    edits: [
      {
        file: 'src/store/sqlite/engine.ts',
        from: `      this.commit.run()
      this.notify('committed')
      return batch.map((operation, index) => () => operation.resolve(values[index]))`,
        to: `      batch.forEach((operation, index) => operation.resolve(values[index]))
      this.commit.run()
      this.notify('committed')
      return []`,
      },
    ],
    tests: [simulation],
  },
  {
    name: 'no dedup',
    edits: [
      {
        file: 'src/store/sqlite/store.ts',
        from: 'if (known !== undefined) return { turn: known, seen: true }',
        to: 'if (known !== undefined && key.receivedAt < 0) return { turn: known, seen: true }',
      },
      {
        file: 'src/store/sqlite/turns.ts',
        from: '`INSERT INTO turn (seq, id,',
        to: '`INSERT OR REPLACE INTO turn (seq, id,',
      },
    ],
    tests: [simulation],
  },
  {
    name: 'tail kept instead of head',
    edits: [
      {
        file: 'src/core/text/split.ts',
        from: 'bytes.subarray(0, characterStart(bytes, limitBytes))',
        to: 'bytes.subarray(characterStart(bytes, bytes.length - limitBytes + 3))',
      },
    ],
    tests: [simulation],
  },
  {
    name: 'deadline looked at only on output',
    edits: [
      {
        file: 'src/bridge/ask/follow.ts',
        from: '    nextDue: () => nextAt,',
        to: '    nextDue: () => (context.live.nextSaveAt() === undefined ? undefined : nextAt),',
      },
    ],
    tests: [simulation],
  },
  {
    name: 'lease never freed',
    edits: [
      {
        file: 'src/store/sqlite/store.ts',
        from: "  engine.db.run('UPDATE delivery SET leased_until = NULL WHERE done = 0 AND leased_until IS NOT NULL')\n",
        to: '',
      },
      {
        file: 'src/store/sqlite/store.ts',
        from: "  engine.db.run('UPDATE turn SET leased_until = NULL WHERE task_at IS NOT NULL AND leased_until IS NOT NULL')\n",
        to: '',
      },
    ],
    tests: [simulation],
  },
  {
    name: 'merged text lost',
    edits: [
      {
        file: 'src/core/streaming/open.ts',
        from: `text: \`\${waiting.text}\\n\\n\${fresh.text}\``,
        to: 'text: fresh.text',
      },
    ],
    tests: [simulation],
  },
  {
    name: 'response_url recorded after the attempt',
    edits: [
      {
        file: 'src/bridge/deliver/deliver.ts',
        from: 'const started = await store.outbox.begin(ready,',
        to: `const started = ready.route === 'response_url' ? beginAttempt(ready, { isDuplicate: false }, at) : await store.outbox.begin(ready,`,
      },
    ],
    tests: [simulation],
  },
  {
    name: 'message recorded after it was sent',
    edits: [
      {
        file: 'src/bridge/deliver/deliver.ts',
        from: 'const started = await store.outbox.begin(ready,',
        to: `const started = ready.route === 'app' ? beginAttempt(ready, { isDuplicate: false }, at) : await store.outbox.begin(ready,`,
      },
    ],
    tests: [simulation],
  },
  {
    name: 'finish without final',
    edits: [
      {
        file: 'src/core/streaming/frame.ts',
        from: 'return composeFrame(turn, turn.answer, undefined, more)',
        to: "return composeFrame(turn, '', undefined, more)",
      },
    ],
    tests: [simulation],
  },
  {
    name: 'unknown resent',
    edits: [
      {
        file: 'src/core/fallback/attempt.ts',
        from: 'only === undefined || second !== undefined || ',
        to: 'only === undefined || ',
      },
    ],
    tests: [simulation],
  },
  {
    name: 'unchecked duplicate resent',
    edits: [{ file: 'src/core/fallback/attempt.ts', from: ' || only.unchecked) return false', to: ') return false' }],
    tests: [simulation],
  },
  {
    name: 'resent after more than a minute',
    edits: [{ file: 'src/core/fallback/attempt.ts', from: '  app: 60_000,', to: '  app: 86_400_000,' }],
    tests: [simulation],
  },
  {
    name: 'cut off by a crash and sent as new',
    edits: [
      {
        file: 'src/core/fallback/attempt.ts',
        from: 'delivery.attempts.map(attempt => (attempt.outcome === undefined ? asUnknown(attempt) : attempt))',
        to: 'delivery.attempts.filter(attempt => attempt.outcome !== undefined)',
      },
    ],
    tests: [simulation],
  },
  {
    name: 'resent with another body',
    edits: [
      {
        file: 'src/core/fallback/repair.ts',
        from: "message.kind !== 'media' || message.mediaId !== undefined)",
        to: "message.kind !== 'media')",
      },
    ],
    tests: [simulation],
  },
  {
    name: 'by direct message and by response_url',
    edits: [
      {
        file: 'src/bridge/deliver/deliver.ts',
        from: 'const settled = next.length === 0 ? delivery : this.handOver(delivery)',
        to: 'const settled = delivery',
      },
    ],
    tests: [simulation],
  },
  {
    name: 'budget of a member ignored',
    edits: [
      {
        file: 'src/core/fallback/attempt.ts',
        from: '  if (window.freeAt !== undefined && !isRepeat) return hold(delivery, window.freeAt)\n',
        to: '',
      },
    ],
    tests: [simulation],
  },
  {
    name: 'idempotencyKey ignored',
    edits: [
      {
        file: 'src/bridge/operator/send.ts',
        from: '  if (idempotencyKey !== undefined) return deliveryIdOf(idempotencyKey)\n',
        to: '',
      },
    ],
    tests: [simulation],
  },
  {
    name: 'welcome twice',
    edits: [
      {
        file: 'src/bridge/callback/app-events.ts',
        from: 'id: `welcome:${account}:${sender.toLowerCase()}:${day}`,',
        to: 'id: `welcome:${account}:${sender.toLowerCase()}:${day}:${key}`,',
      },
    ],
    tests: [simulation],
  },
  {
    name: "another session's event taken",
    edits: [
      {
        file: 'src/gateway/chat/run.ts',
        from: "    if (stringAt(payload, 'sessionKey')?.toLowerCase() !== this.sessionKey) return\n",
        to: '',
      },
      {
        file: 'src/gateway/chat/run.ts',
        from: "    if (!this.ownRunIds.has(runId)) return event === 'chat' ? this.handleOtherRun(runId, payload) : undefined\n",
        to: "    if (runId === '') return event === 'chat' ? this.handleOtherRun(runId, payload) : undefined\n",
      },
    ],
    tests: [simulation],
  },
]
