/** How much time the clocks of daemon, tenant and gateway skip at once. */
export const skippedMs = 1_800_000

/** The file beside the config that says how often they have, for a daemon that starts later. */
export const skipsFile = 'skips'
