/**
 * Exponential backoff with jitter: attempt 1 waits between half of `firstMs` and `firstMs`, and each further attempt twice as
 * long, up to `mostMs`. `fraction` is random, 0 <= fraction < 1.
 */
export function backoffMs(attempt: number, limits: { firstMs: number; mostMs: number }, fraction: number): number {
  const ceiling = Math.min(limits.mostMs, limits.firstMs * 2 ** Math.min(attempt - 1, 30))
  return Math.round(ceiling / 2 + (ceiling / 2) * fraction)
}
