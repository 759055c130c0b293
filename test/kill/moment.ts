import type { Seeded } from '../crypto/seeded.ts'
import type { Binary } from '../scenarios/binary.ts'

/** Lets the world go on for a while, up to a moment that nothing announces: kills come unannounced. */
export function goOn(ms: number): Promise<void> {
  return Bun.sleep(ms)
}

/** Kills the daemon at a moment that nothing announces, sometimes before it listens, and starts it again. */
export async function killSomewhen(daemon: Binary, random: Seeded): Promise<void> {
  await goOn(random.below(random.below(4) === 0 ? 50 : 400))
  await daemon.kill()
  daemon.spawn()
}
