/** What OpenClaw tells its models to answer when they have nothing to say. It is for the gateway, not for a reader. */
const sentinels: readonly string[] = ['HEARTBEAT_OK', 'NO_REPLY']

/** True if a whole answer is a sentinel, bare or marked up. */
export function isSentinel(answer: string): boolean {
  const text = withoutOpeningMarkup(answer)
  return sentinels.some(sentinel => matchedChars(text, sentinel) === sentinel.length)
}

/** True if a growing answer may become one, so that it must not be shown yet. */
export function mayBecomeSentinel(answer: string): boolean {
  const text = withoutOpeningMarkup(answer)
  return sentinels.some(sentinel => matchedChars(text, sentinel) > 0)
}

function withoutOpeningMarkup(text: string): string {
  return text.trim().replace(/^[*_`]+/, '')
}

/** How much of a sentinel a text begins with, if nothing but markup follows; else 0. */
function matchedChars(text: string, sentinel: string): number {
  let matched = 0
  while (matched < sentinel.length && text[matched] === sentinel[matched]) matched++
  return /^[*_`.]*$/.test(text.slice(matched)) ? matched : 0
}
