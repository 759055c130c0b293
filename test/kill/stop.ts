import type { Tenant } from '../../src/playground/tenant/tenant.ts'

/**
 * Holds the `nth` request from now on to `path` for good, before or after the platform does what it asks; resolves when
 * it has come. What went before passes.
 */
export function stopAt(tenant: Tenant, path: string, when: 'before' | 'after', nth = 1): Promise<void> {
  for (let passing = 1; passing < nth; passing++) tenant.api.fail({ when: 'before', how: 200 }, path)
  tenant.api.fail({ when, how: 'hang' }, path)
  const { promise, resolve } = Promise.withResolvers<void>()
  let count = 0
  const forget = tenant.on(event => {
    const isHere =
      event.kind === 'api' ? event.request.path === path : event.kind === 'response' && isAt(event.post.url, path)
    if (!isHere || ++count < nth) return
    forget()
    resolve()
  })
  return promise
}

function isAt(url: string, path: string): boolean {
  return new URL(url).pathname === path
}
