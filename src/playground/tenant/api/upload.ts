import { refuse, type ApiVerdict } from '../answer.ts'
import type { TenantApiCall } from './api.ts'
import { dispositionParameter, type Part, parseMultipart } from './multipart.ts'

export type MediaType = 'image' | 'voice' | 'video' | 'file'

export interface UploadedFile {
  readonly type: MediaType
  readonly name: string
  readonly bytes: Buffer
}

const mebibyte = 1_048_576
const maxBytes: Readonly<Record<MediaType, number>> = {
  image: 10 * mebibyte,
  voice: 2 * mebibyte,
  video: 10 * mebibyte,
  file: 20 * mebibyte,
}
const minBytes = 6
const voiceFrames = 60 * 50
const amrMagic = '#!AMR\n'
/** Size of an AMR frame in bytes by type, including the first byte. */
const amrFrameBytes = [13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1]

/** Reads the file of an upload, or the error with which WeCom would reject it. */
export function readUpload(call: TenantApiCall, types: readonly MediaType[]): UploadedFile | ApiVerdict {
  const type = types.find(one => one === call.query.get('type'))
  if (type === undefined) return refuse(40_005, 'invalid type')
  if (call.headers['content-length'] === undefined || call.headers['transfer-encoding'] !== undefined)
    return refuse(44_001, 'empty media data: no content-length')
  const parts = parseMultipart(call.body, call.headers['content-type'] ?? '')
  const part = parts?.find(one => dispositionParameter(one, 'name') === 'media')
  const name = part && dispositionParameter(part, 'filename')
  if (!part || !name) return refuse(44_001, 'empty media data: no part called media with a plain filename')
  return checkLength(part) ?? checkMedia(type, part.body) ?? { type, name, bytes: Buffer.from(part.body) }
}

function checkLength(part: Part): ApiVerdict | undefined {
  const stated = /; ?filelength=(\d+)/.exec(part.headers.get('content-disposition') ?? '')?.[1]
  if (part.body.length === 0) return refuse(44_001, 'empty media data')
  if (stated !== undefined && Number(stated) !== part.body.length) return refuse(44_001, 'filelength is another')
  return undefined
}

function checkMedia(type: MediaType, bytes: Buffer): ApiVerdict | undefined {
  if (bytes.length < minBytes) return refuse(40_006, 'invalid media size')
  if (bytes.length > maxBytes[type]) return refuse(45_001, 'media size out of limit')
  if (!hasFormat(type, bytes)) return refuse(40_004, 'invalid media type')
  if (type === 'voice' && countAmrFrames(bytes) > voiceFrames) return refuse(45_007, 'playtime out of limit')
  return undefined
}

function hasFormat(type: MediaType, bytes: Buffer): boolean {
  switch (type) {
    case 'image':
      return isPicture(bytes)
    case 'voice':
      return bytes.subarray(0, amrMagic.length).toString('latin1') === amrMagic
    case 'video':
      return bytes.subarray(4, 8).toString('latin1') === 'ftyp'
    case 'file':
      return true
    default:
      return type satisfies never
  }
}

/** PNG or JPEG. */
export function isPicture(bytes: Buffer): boolean {
  const magic = bytes.subarray(0, 3).toString('hex')
  return magic === '89504e' || magic === 'ffd8ff'
}

/** Counts frames of 20 ms each. */
function countAmrFrames(bytes: Buffer): number {
  let frames = 0
  for (let at = amrMagic.length; at < bytes.length; frames++) at += amrFrameBytes[((bytes[at] ?? 0) >> 3) & 15] ?? 1
  return frames
}
