/** To whom something is sent (`product.md` 5.6). Ids are spelled as the platform spells them. */
export type Target =
  /** Members; `['@all']` is everyone who may see the app. */
  | { readonly kind: 'user'; readonly ids: readonly string[] }
  /** Departments. */
  | { readonly kind: 'party'; readonly ids: readonly string[] }
  /** Tags by id (digits) or by name. */
  | { readonly kind: 'tag'; readonly ids: readonly string[] }
  /** A group that the app itself created. */
  | { readonly kind: 'group'; readonly chatid: string }
  /** A group robot, by its name in the config. */
  | { readonly kind: 'webhook'; readonly name: string }

/** The target of everyone who may see the app. */
export const everyone = '@all'

/** The one way of writing a target that we use ourselves; `parseTarget` reads it back. */
export function formatTarget(target: Target): string {
  switch (target.kind) {
    case 'user':
    case 'party':
    case 'tag':
      return `${target.kind}:${target.ids.join('|')}`
    case 'group':
      return `group:${target.chatid}`
    case 'webhook':
      return `webhook:${target.name}`
    default:
      return target satisfies never
  }
}
