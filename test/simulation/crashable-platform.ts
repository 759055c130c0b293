import type { Platform } from '../../src/domain/ports.ts'
import type { SimulatedApp } from './app.ts'
import { crashable, type Pass } from './crashable-store.ts'
import type { SimulatedPlatform } from './platform.ts'

/** The platform for a process that can crash before a request leaves, while it is in progress, and after its answer. */
export function crashablePlatform(
  { platform, app }: { readonly platform: SimulatedPlatform; readonly app: SimulatedApp },
  pass: Pass,
): Platform {
  return {
    postResponse: crashable('a post', pass, async (url, content) => {
      const outcome = platform.post(url, content)
      pass('after a post is sent')
      return await outcome
    }),
    postCard: async () => ({ outcome: 'refused' }),
    send: crashable('a message', pass, async (_account, to, message, { unchecked }) => {
      const outcome = app.send(to, message, unchecked)
      pass('after a message is sent')
      return await outcome
    }),
    updateCard: async () => ({ outcome: 'refused' }),
    fetchMedia: async () => ({ kind: 'failed', problem: 'unreachable' }),
    upload: crashable('an upload', pass, () => app.upload()),
    tokenExpiresAt: () => undefined,
  }
}
