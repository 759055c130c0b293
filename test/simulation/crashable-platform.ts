import type { Platform } from '../../src/domain/ports.ts'
import type { SimulatedApp } from './app.ts'
import { mortal, type Pass } from './mortal-store.ts'
import type { SimulatedPlatform } from './platform.ts'

/** The platform as a process sees it that may die before a request leaves, while it is under way and after its answer. */
export function mortalPlatform(
  { platform, app }: { readonly platform: SimulatedPlatform; readonly app: SimulatedApp },
  pass: Pass,
): Platform {
  return {
    postResponse: mortal('a post', pass, async (url, content) => {
      const outcome = platform.post(url, content)
      pass('after a post is sent')
      return await outcome
    }),
    postCard: async () => ({ outcome: 'refused' }),
    send: mortal('a message', pass, async (_account, to, message, { unchecked }) => {
      const outcome = app.send(to, message, unchecked)
      pass('after a message is sent')
      return await outcome
    }),
    updateCard: async () => ({ outcome: 'refused' }),
    fetchMedia: async () => ({ kind: 'failed', problem: 'unreachable' }),
    upload: mortal('an upload', pass, () => app.upload()),
    tokenExpiresAt: () => undefined,
  }
}
