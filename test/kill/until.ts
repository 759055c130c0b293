const lookEveryMs = 5

/** Looks until `check` gives something; after `withinMs` it throws and says what was waited for. */
export async function until<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 30_000,
): Promise<T> {
  const from = performance.now()
  for (;;) {
    const found = await check()
    if (found !== undefined && found !== false) return found
    if (performance.now() - from > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`)
    await Bun.sleep(lookEveryMs)
  }
}

/** Lets the world go on for a while; for kills at moments that nothing announces. */
export function goOn(ms: number): Promise<void> {
  return Bun.sleep(ms)
}
