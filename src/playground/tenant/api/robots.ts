import { createHash } from 'node:crypto'
import { minuteMs } from '../../../domain/duration.ts'
import type { Clock } from '../../../world.ts'
import { parseObject } from '../../../domain/json.ts'
import { type TenantAnswer, accept, isVerdict, refuse, type ApiVerdict, wrongJson } from '../answer.ts'
import type { TenantApiCall, TenantApi } from './api.ts'
import { type SentContent, contentOf, partsOf, readCard, readMarkdown, readMedia, readNews } from '../content.ts'
import type { Ledger } from '../ledger.ts'
import type { MediaShelf } from './media.ts'
import { isPicture } from './upload.ts'

/** A group robot (消息推送). Anyone with the key can post. */
export interface TenantRobot {
  readonly name: string
  readonly key: string
}

const perMinute = 20
const textBytes = 2_048
const markdownBytes = 4_096
const imageBytes = 2 * 1_048_576

/** webhook/send and webhook/upload_media. They need no token and accept every address. */
export class Robots {
  private readonly sentAt = new Map<string, number[]>()

  constructor(
    private readonly clock: Clock,
    private readonly ledger: Ledger,
    private readonly shelf: MediaShelf,
    private readonly robots: readonly TenantRobot[],
  ) {}

  serve(api: TenantApi): void {
    const known = (handle: (call: TenantApiCall, robot: TenantRobot) => TenantAnswer) => (call: TenantApiCall) => {
      const robot = this.robots.find(({ key }) => key === call.query.get('key'))
      return { answer: robot ? handle(call, robot) : refuse(93_000, 'invalid webhook url') }
    }
    const upload = known((call, { key }) => this.shelf.upload(call, ['file', 'voice'], ownerOf(key)))
    api.route(
      'POST',
      '/cgi-bin/webhook/send',
      known(({ body }, robot) => this.send(body.toString(), robot)),
    )
    api.route('POST', '/cgi-bin/webhook/upload_media', upload)
  }

  private send(body: string, { name, key }: TenantRobot): ApiVerdict {
    const at = this.clock.now()
    const times = (this.sentAt.get(key) ?? []).filter(time => at - time < minuteMs)
    if (times.length >= perMinute) return refuse(45_009, 'api freq out of limit')
    const message = parseObject(body)
    if (!message) return wrongJson
    const content = this.read(message, key)
    if (isVerdict(content)) return content
    this.sentAt.set(key, [...times, at])
    const { what, text, media } = content
    const seen = { at, kind: `robot-${what}` as const, userid: '', chatid: name, msgid: '', text }
    this.ledger.add(media ? { ...seen, media } : seen)
    return accept()
  }

  private read(message: Readonly<Record<string, unknown>>, key: string): SentContent | ApiVerdict {
    const { msgtype, value, payload } = partsOf(message)
    switch (msgtype) {
      case 'text':
        return readText(payload)
      case 'markdown':
      case 'markdown_v2':
        return readMarkdown(payload, markdownBytes, 40_058)
      case 'image':
        return readImage(payload)
      case 'voice':
      case 'file':
        return readMedia(msgtype, payload, { shelf: this.shelf, owner: ownerOf(key) })
      case 'news':
        return readNews(payload)
      case 'template_card':
        return readCard(value, ['text_notice', 'news_notice'])
      default:
        return refuse(40_008, 'invalid message type')
    }
  }
}

/** Robots do not share files with the corp or with each other. */
function ownerOf(key: string): string {
  return `robot:${key}`
}

function readText(payload: Readonly<Record<string, unknown>>): SentContent | ApiVerdict {
  const content = contentOf(payload)
  if (isVerdict(content)) return content
  if (Buffer.byteLength(content.text) > textBytes) return refuse(40_058, `text.content exceed max length ${textBytes}`)
  return { what: 'text', text: content.text }
}

function readImage({ base64, md5 }: Readonly<Record<string, unknown>>): SentContent | ApiVerdict {
  if (typeof base64 !== 'string' || base64 === '') return refuse(44_001, 'empty media data')
  const raw = Buffer.from(base64, 'base64')
  if (raw.length > imageBytes) return refuse(40_009, 'invalid image size')
  if (!isPicture(raw)) return refuse(40_004, 'invalid media type')
  if (createHash('md5').update(raw).digest('hex') !== md5) return refuse(301_019, 'media md5 not match')
  const sha256 = createHash('sha256').update(raw).digest('hex')
  return { what: 'media', text: '', media: { type: 'image', name: '', bytes: raw.length, sha256 } }
}
