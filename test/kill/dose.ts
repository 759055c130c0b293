import { headCommit, seedOf } from '../../scripts/commit.ts'

/** How many random kills of each kind there are. `bun run soak kills` asks for more. */
export const kills = Number(process.env.WECOMD_KILLS ?? 10)

/** What all that is random follows from; each commit has its own. */
export const seed = Number(process.env.WECOMD_KILL_SEED ?? seedOf(headCommit()))

/** Says after a failure how to see it again. */
export const again = `again: WECOMD_KILLS=${kills} WECOMD_KILL_SEED=${seed}`
