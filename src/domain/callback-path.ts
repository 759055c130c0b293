import type { Surface } from './message.ts'

/** Where the callbacks of the default account arrive; those of any other account one segment below. */
export const defaultPath: Readonly<Record<Surface, string>> = { bot: '/wecom/bot', app: '/wecom/agent' }

/** A further path of the default account's Bot. */
export const shortPath = '/wecom'

/** Every path on which an account receives callbacks of one surface, shortest first. */
export function callbackPaths(surface: Surface, account: string, isDefault: boolean): readonly string[] {
  const path = defaultPath[surface]
  const short = surface === 'bot' ? [shortPath, path] : [path]
  return [...(isDefault ? short : []), `${path}/${account}`]
}
