/** Looks again every few milliseconds until `look` finds something; a test that waits in vain says for what. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 20_000,
): Promise<T> {
  const limit = Date.now() + withinMs
  while (Date.now() < limit) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    await Bun.sleep(5)
  }
  throw new Error(`waited in vain: ${what}`)
}

/** Resolves when it is later than `at`, for a daemon that runs in real time. */
export async function untilTime(at: number): Promise<void> {
  await until('the time to pass', () => Date.now() > at)
}
