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
      return batch.map((operation, index) => () => operation.resolve(values[index]))`,
        to: `      batch.forEach((operation, index) => operation.resolve(values[index]))
      this.commit.run()
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
      { file: 'src/store/sqlite/turns.ts', from: "'INSERT INTO turn (id,", to: "'INSERT OR REPLACE INTO turn (id," },
    ],
    tests: [simulation],
  },
  {
    name: 'tail kept instead of head',
    edits: [
      {
        file: 'src/streaming/split.ts',
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
        file: 'src/bridge/follow.ts',
        from: '    nextDue: () => nextAt,',
        to: '    nextDue: () => (desk.live.nextSaveAt() === undefined ? undefined : nextAt),',
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
    ],
    tests: [simulation],
  },
  {
    name: 'merged text lost',
    edits: [
      { file: 'src/streaming/turn.ts', from: `text: \`\${waiting.text}\\n\\n\${fresh.text}\``, to: 'text: fresh.text' },
    ],
    tests: [simulation],
  },
  {
    name: 'response_url recorded after the attempt',
    edits: [
      {
        file: 'src/bridge/deliver.ts',
        from: 'settle: this.posts.has(delivery.id) ? [] : [beginAttempt(delivery, now)],',
        to: 'settle: [],',
      },
      {
        file: 'src/bridge/deliver.ts',
        from: "({ delivery }) => delivery.state === 'sending' && !this.posts.has(delivery.id))",
        to: '({ delivery }) => !this.posts.has(delivery.id))',
      },
      {
        file: 'src/bridge/deliver.ts',
        from: 'for (const one of fresh) this.begin(one)',
        to: 'for (const one of fresh) this.begin({ ...one, delivery: beginAttempt(one.delivery, now) })',
      },
    ],
    tests: [simulation],
  },
  {
    name: 'finish without final',
    edits: [
      {
        file: 'src/streaming/frame.ts',
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
        file: 'src/fallback/attempt.ts',
        from: "attempts.filter(attempt => attempt.outcome === 'unknown').length >= 2",
        to: "attempts.filter(attempt => attempt.outcome === 'unknown').length >= 3",
      },
    ],
    tests: [simulation],
  },
  {
    name: "another session's event taken",
    edits: [
      {
        file: 'src/gateway/run.ts',
        from: "    if (stringAt(payload, 'sessionKey')?.toLowerCase() !== this.sessionKey) return\n",
        to: '',
      },
      {
        file: 'src/gateway/run.ts',
        from: "    if (!this.ours.has(runId)) return event === 'chat' ? this.overhear(runId, payload) : undefined\n",
        to: "    if (runId === '') return event === 'chat' ? this.overhear(runId, payload) : undefined\n",
      },
    ],
    tests: [simulation],
  },
]
