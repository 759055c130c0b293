/** Finds values that the schema accepts and that can never be right. No message contains the value: it may be a secret. */
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

/** What a text must be, beyond its type. */
export type ValueKind =
  /** An id, token or secret that WeCom or the gateway made. */
  | 'credential'
  /** The same, but somebody may have chosen it: a fault is a warning. */
  | 'gatewayToken'
  /** A secret that somebody chose, which may contain anything that can be typed. */
  | 'passphrase'
  /** An address to listen on: an IP or a host name. */
  | 'host'
  /** A host name, perhaps with `*.` before it. */
  | 'hostPattern'
  /** The URL of an API, to which paths are added. */
  | 'baseUrl'
  /** A URL with a host. */
  | 'url'
  /** A path of a file or folder. */
  | 'path'
  /** The key of a group robot, or its webhook URL. */
  | 'robot'

export interface Fault {
  readonly severity: 'error' | 'warning'
  readonly message: string
}

const error = (message: string): Fault => ({ severity: 'error', message })
const warning = (message: string): Fault => ({ severity: 'warning', message })

/** Says why a text can't be such a value; undefined if it can. */
export function faultOf(kind: ValueKind, text: string): Fault | undefined {
  switch (kind) {
    case 'credential':
    case 'gatewayToken': {
      const part = foreignPart(text)
      const problem = kind === 'credential' ? error : warning
      return part === undefined ? undefined : problem(`contains ${part}; copy it again, without quotes or blanks`)
    }
    case 'passphrase': {
      const part = text === text.trim() ? invisiblePart(text) : 'white space at its beginning or end'
      return part === undefined ? undefined : warning(`contains ${part}, which is probably not meant`)
    }
    case 'host':
      return hostFault(text)
    case 'hostPattern':
      return patternFault(text)
    case 'baseUrl':
      return urlFault(text) ?? baseFault(text)
    case 'url':
      return urlFault(text)
    case 'path':
      return pathFault(text)
    case 'robot':
      return text.includes('/') ? robotFault(text) : faultOf('credential', text)
    default:
      return kind satisfies never
  }
}

/** The host without the brackets that people write around an IPv6 address. */
export function bareHost(text: string): string {
  const [, address] = /^\[(.+)\]$/.exec(text) ?? []
  return address !== undefined && isIP(address) === 6 ? address : text
}

function foreignPart(text: string): string | undefined {
  if (/["'`“”‘’]/.test(text)) return 'a quotation mark'
  if (text.includes('\r')) return 'a carriage return: the file has Windows line ends'
  if (/\s/.test(text)) return 'white space'
  return invisiblePart(text) ?? (/[^\x21-\x7e]/.test(text) ? 'a character that is not ASCII' : undefined)
}

function invisiblePart(text: string): string | undefined {
  const [found] = /[\p{Cc}\p{Cf}\u115f\u1160\u3164\uffa0]/u.exec(text) ?? []
  const code = found?.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')
  return code === undefined ? undefined : `an invisible character (U+${code})`
}

function hostFault(text: string): Fault | undefined {
  if (/^\w+:\/\//.test(text)) return error('is a URL; expected a host name or an IP address alone')
  const host = bareHost(text)
  if (isIP(host) !== 0) return undefined
  if (/^[^:]+:\d+$/.test(host) || /^\[.*\]:\d+$/.test(host)) return error('contains a port; write it as "port"')
  return isHostName(host) ? undefined : error('is not a host name or an IP address')
}

function patternFault(text: string): Fault | undefined {
  if (/^\w+:\/\//.test(text)) return error('has a scheme; expected a host name alone, it is reached by https')
  if (text.includes('/')) return error('contains a path; expected a host name alone')
  const host = text.replace(/^\*\./, '').replace(/:\d{1,5}$/, '')
  return isHostName(host) || isIP(bareHost(host)) !== 0 ? undefined : error('is not a host name')
}

function isHostName(text: string): boolean {
  return (
    text.length <= 253 && /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?$/i.test(text)
  )
}

function urlFault(text: string): Fault | undefined {
  if (/\s/.test(text)) return error('contains white space')
  return URL.canParse(text) ? undefined : error('is not a URL')
}

function baseFault(text: string): Fault | undefined {
  const { pathname, search, hash } = new URL(text)
  if (/\/cgi-bin\/?$/.test(pathname)) return error('ends in /cgi-bin, which is added to it; remove that part')
  return search + hash === '' ? undefined : error('contains a query; expected only scheme, host and path')
}

function pathFault(text: string): Fault | undefined {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) return error('is a URL; expected a path')
  if (text.startsWith('~')) return error('begins with "~", which only a shell expands; write the whole path')
  if (text !== text.trim()) return error('begins or ends with white space')
  return text.includes('\0') ? error('contains a null character') : undefined
}

function robotFault(text: string): Fault | undefined {
  const fault = urlFault(text)
  if (fault !== undefined) return fault
  const { searchParams } = new URL(text)
  return (searchParams.get('key') ?? '') === '' ? error('has no key: a webhook URL ends in "?key=…"') : undefined
}

/** Says that a text is too long; undefined if it is not. */
export function sizeFault(text: string, maxBytes: number | undefined): Fault | undefined {
  const bytes = Buffer.byteLength(text)
  if (maxBytes === undefined || bytes <= maxBytes) return undefined
  return { severity: 'error', message: `has ${bytes} bytes of UTF-8, at most ${maxBytes} are allowed` }
}

/** Suggests the scheme for what looks like a URL without one. */
export function schemeHint(pattern: string | undefined, value: unknown): string {
  const [, scheme] = /^\^(ws|http)s\?:/.exec(pattern ?? '') ?? []
  const isHost = typeof value === 'string' && /^(?:[\w-]+(?:\.[\w-]+)*|\[[0-9a-f:]+\])(?::\d+)?(?:\/|$)/i.test(value)
  return scheme === undefined || !isHost ? '' : `; write ${scheme}:// or ${scheme}s:// before it`
}

/** Explains why a text is not a usable list of CA certificates; undefined if it is. The message continues the file name. */
export function certificateFault(text: string): string | undefined {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) return 'contains no certificate; expected PEM that starts with -----BEGIN CERTIFICATE-----'
  const bad = blocks.findIndex(block => !isCertificate(block))
  return bad === -1 ? undefined : `cannot be used: certificate ${bad + 1} of ${blocks.length} is damaged`
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined
  } catch {
    return false // the error is an OpenSSL code, which would not help the reader of the message
  }
}
