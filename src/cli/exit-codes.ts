/** Exit codes that every command shares. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, config: 3, unreachable: 4, cannotStart: 5 } as const
