/** The token and EncodingAESKey of a callback URL. */
export interface CallbackKeys {
  readonly token: string
  readonly encodingAESKey: string
}

/** Replaced keys, accepted until `until` (epoch milliseconds). */
export interface ReplacedKeys extends CallbackKeys {
  readonly until: number
}

/** The current keys of a callback URL, and the ones they replaced. */
export interface KeyRing extends CallbackKeys {
  readonly replaced: readonly ReplacedKeys[]
}

/** Nobody can change the config and the admin console at the same moment, and WeCom repeats older callbacks. */
const graceMs = 600_000

/** Returns the ring with new keys. The keys they replace are accepted for ten more minutes. */
export function replaceKeys(
  { token, encodingAESKey }: CallbackKeys,
  before: KeyRing | undefined,
  now: number,
): KeyRing {
  const old = before === undefined ? [] : [{ ...keysOf(before), until: now + graceMs }, ...before.replaced]
  const replaced = old.filter(
    keys => keys.until > now && !(keys.token === token && keys.encodingAESKey === encodingAESKey),
  )
  return { token, encodingAESKey, replaced }
}

function keysOf({ token, encodingAESKey }: CallbackKeys): CallbackKeys {
  return { token, encodingAESKey }
}
