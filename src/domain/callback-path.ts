import type { Surface } from './message.ts'

/** Callback paths of the default account. Other accounts append their id: `/wecom/bot/{account}`. */
export const defaultPath: Readonly<Record<Surface, string>> = { bot: '/wecom/bot', app: '/wecom/agent' }

/** A shorter alias for the Bot of the default account. */
export const shortPath = '/wecom'

/** Every path on which an account receives callbacks of one surface, shortest first. */
export function callbackPaths(surface: Surface, account: string, isDefault: boolean): readonly string[] {
  const path = defaultPath[surface]
  const short = surface === 'bot' ? [shortPath, path] : [path]
  return [...(isDefault ? short : []), `${path}/${account}`]
}
