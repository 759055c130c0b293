/** The hosts that URLs from outside (callbacks, webhooks) may point to. */
export interface HostRule {
  /** The origin of the API: WeCom itself, a private deployment or a simulator. */
  readonly apiBaseUrl: string
  /** Additional allowed hosts. */
  readonly moreHosts: readonly string[]
}

/** WeCom's own API host. */
export const officialHost = 'qyapi.weixin.qq.com'

/** True when `url` points to the platform, to its file storage, or to a host the operator allows. */
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

/** A leading `*.` matches one or more labels. */
function isHost(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern
}
