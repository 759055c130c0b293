import type { MediaMessage, Message, Outcome } from '../../domain/delivery.ts'
import { limits } from '../../domain/limits.ts'
import { isPicture } from '../../domain/media.ts'
import { printableJson } from '../../domain/visible.ts'
import type { Upload } from '../../domain/ports.ts'
import type { Spool } from '../../domain/spool.ts'
import type { Random } from '../../world.ts'
import { type HostRule, isAllowed, officialHost } from '../../domain/hosts.ts'
import { type ApiReply, callWecom, jsonOnce, type HttpDeps, type Payload, type NoReply, urlOf } from './http.ts'
import { nameToSend } from '../media/kinds.ts'
import { decodeUpload, encodeUpload, openMedia } from '../media/upload.ts'
import { outcomeOfRefusal, outcomeOfNoReply, outcomeOfSuccess } from './outcome.ts'
import { encodePicture, encodeRobotMessage, encodeUploaded, type RobotBody, robotMediaOf } from './robot-message.ts'

export interface RobotDeps {
  readonly http: HttpDeps & HostRule
  readonly random: Random
  readonly openMedia: Spool['open']
}

interface Address {
  readonly origin: string
  readonly key: string
}

/** Creates a robot from its key, or from its whole webhook URL. Returns undefined for an invalid or disallowed URL. */
export function createRobot(keyOrUrl: string, deps: RobotDeps): Robot | undefined {
  const address = addressOf(keyOrUrl, deps.http)
  return address && new Robot(address, deps)
}

function addressOf(keyOrUrl: string, rule: HostRule): Address | undefined {
  if (!keyOrUrl.includes('/')) return { origin: rule.apiBaseUrl, key: keyOrUrl }
  if (!isAllowed(keyOrUrl, rule)) return undefined
  const url = new URL(keyOrUrl)
  const key = url.searchParams.get('key') ?? ''
  // A URL with WeCom's own host means the configured API, which may be a private deployment.
  return key === '' ? undefined : { origin: url.host === officialHost ? rule.apiBaseUrl : url.origin, key }
}

/** Sends messages by one group robot (page 91770). Nothing here rejects. */
export class Robot {
  private readonly address: Address
  private readonly deps: RobotDeps

  constructor(address: Address, deps: RobotDeps) {
    this.address = address
    this.deps = deps
  }

  /** WeCom does not detect duplicates here, so a message with the outcome `unknown` must not be resent. */
  async send(message: Message): Promise<Outcome> {
    const encoded = message.kind === 'media' ? await this.encodeMedia(message) : encodeRobotMessage(message)
    if ('outcome' in encoded) return encoded
    const answer = await this.call('send', {}, jsonOnce(printableJson(encoded.body)))
    if (answer.kind !== 'answer') return outcomeOfNoReply(answer)
    return answer.errcode === 0 ? outcomeOfSuccess(answer) : outcomeOfRefusal(answer, {}, this.deps.random)
  }

  /** Uploads a file. Only this robot can send it afterwards. */
  async upload(message: MediaMessage): Promise<Upload> {
    const { random } = this.deps
    const file = await openMedia(this.deps.openMedia, message.source)
    if ('outcome' in file) return file
    const payload = encodeUpload(await nameToSend(message.fileName, () => file.open()), file, random)
    const answer = await this.call('upload_media', { type: robotMediaOf(message) }, payload)
    if (answer.kind !== 'answer') return outcomeOfNoReply(answer, true)
    return answer.errcode === 0 ? decodeUpload(answer) : outcomeOfRefusal(answer, {}, random)
  }

  private call(path: string, query: Readonly<Record<string, string>>, payload: Payload): Promise<ApiReply | NoReply> {
    const { origin, key } = this.address
    return callWecom(this.deps.http, urlOf(origin, `webhook/${path}`, { key, ...query }), payload)
  }

  private async encodeMedia(message: MediaMessage): Promise<RobotBody> {
    if (message.mediaId !== undefined) return encodeUploaded(message, message.mediaId)
    if (message.media === 'image' && message.bytes <= limits.robotImageBytes) {
      const picture = await this.readAll(message)
      if ('outcome' in picture) return picture
      if (isPicture(picture)) return encodePicture(picture)
    }
    const uploaded = await this.upload(message)
    return 'outcome' in uploaded ? uploaded : encodeUploaded(message, uploaded.mediaId)
  }

  private async readAll(message: MediaMessage): Promise<Uint8Array | Outcome> {
    const file = await openMedia(this.deps.openMedia, message.source)
    if ('outcome' in file) return file
    try {
      return Buffer.concat(await Array.fromAsync(file.open()))
    } catch {
      return { outcome: 'retry', errmsg: 'cannot read the file' }
    }
  }
}
