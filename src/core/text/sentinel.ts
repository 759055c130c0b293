/** What OpenClaw tells its models to answer when they have nothing to say. It is for the gateway, not for a reader. */
const sentinels: readonly string[] = ['HEARTBEAT_OK', 'NO_REPLY']

/** True if a whole answer is a sentinel, bare or marked up. */
export function isSentinel(answer: string): boolean {
  return sentinels.includes(withoutMarkup(answer))
}

/** True if a growing answer may become one, so that it must not be shown yet. */
export function mayBecomeSentinel(answer: string): boolean {
  const text = withoutMarkup(answer)
  return text !== '' && sentinels.some(sentinel => sentinel.startsWith(text))
}

function withoutMarkup(text: string): string {
  return text.trim().replace(/^[*_`]+|[*_`.]+$/g, '')
}
