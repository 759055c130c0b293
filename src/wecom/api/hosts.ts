/** Where URLs that come from outside may point to. */
export interface HostRule {
  /** Origin of the API, such as a private deployment's or a simulator's. */
  readonly apiBaseUrl: string
  /** Further hosts that may be called. */
  readonly moreHosts: readonly string[]
}

/** The host of the platform itself. */
export const officialHost = 'qyapi.weixin.qq.com'

/** True when `url` is one of the platform's or of the hosts that the operator allows. */
export function isAllowed(url: string, rule: HostRule): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, host, hostname } = new URL(url)
  const base = new URL(rule.apiBaseUrl)
  if (host === base.host) return protocol === base.protocol
  if (protocol !== 'https:') return false
  return (
    hostname === officialHost || hostname.endsWith('.myqcloud.com') || rule.moreHosts.some(more => isHost(more, host))
  )
}

/** `*.` at the beginning stands for any number of labels. */
function isHost(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern
}
