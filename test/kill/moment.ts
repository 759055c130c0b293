/** Lets the world go on for a while, up to a moment that nothing announces: kills come unannounced. */
export function goOn(ms: number): Promise<void> {
  return Bun.sleep(ms)
}
