/** Token and EncodingAESKey of a callback URL. */
export interface CallbackKeys {
  readonly token: string
  readonly encodingAESKey: string
}

/** Keys that others have replaced, and until when they are still taken, epoch ms. */
export interface ReplacedKeys extends CallbackKeys {
  readonly until: number
}

/** What a callback URL goes by: its keys, and those before them. */
export interface KeyRing extends CallbackKeys {
  readonly replaced: readonly ReplacedKeys[]
}

/** Keys are changed here and in the admin console one after the other, and callbacks of before come again. */
const graceMs = 600_000

/** The ring with new keys; those that they replace are taken for ten minutes more. */
export function replaceKeys(
  { token, encodingAESKey }: CallbackKeys,
  before: KeyRing | undefined,
  now: number,
): KeyRing {
  const old = before === undefined ? [] : [{ ...pairOf(before), until: now + graceMs }, ...before.replaced]
  const replaced = old.filter(
    keys => keys.until > now && !(keys.token === token && keys.encodingAESKey === encodingAESKey),
  )
  return { token, encodingAESKey, replaced }
}

function pairOf({ token, encodingAESKey }: CallbackKeys): CallbackKeys {
  return { token, encodingAESKey }
}
