import { expect, test } from 'bun:test'
import type { Attachment } from '../../src/domain/message.ts'
import { seeded } from '../crypto/seeded.ts'
import { openMediaRig } from './media-rig.ts'
import { amr, csv, docx, gif, html, jpeg, json, mp4, pdf, png, xml } from './media-samples.ts'

const files = 200
const limit = 40_000
const problems = ['too_large', 'expired', 'unreadable', 'empty', 'unreachable']
const faults = ['truncated', 'wrong_key', 'not_encrypted', 'expired', 'html', 'empty', 'reset', 'oversize'] as const
const kinds: readonly Attachment['kind'][] = ['image', 'voice', 'video', 'file']
const whole = [png, jpeg, gif, mp4, amr, pdf, docx, csv, html, xml, json]

test(`media: ${files} damaged files are kept intact or reported`, async () => {
  using rig = await openMediaRig({ maxMediaBytes: limit })
  const random = seeded(2_026)
  const pick = <T>(list: readonly [T, ...T[]] | readonly T[], first: T) => list[random.below(list.length)] ?? first
  const counts = { kept: 0, failed: 0, later: 0 }
  for (let n = 0; n < files; n++) {
    const bytes = spoil(pick(whole, png), random)
    const kind = pick(kinds, 'file')
    const fault = random.below(2) === 0 ? { fault: pick(faults, 'truncated') } : {}
    const isOfApp = random.below(4) === 0
    const source = isOfApp
      ? { mediaId: rig.tenant.media.put({ type: kind, name: 'a', bytes }) }
      : { url: rig.tenant.botMedia(bytes, fault) }
    const kept = rig.files().length
    const fetched = await rig.fetch({ kind, ...source })
    counts[fetched.kind] += 1
    const label = `file ${n}, ${kind} ${JSON.stringify(fault)}`
    if (fetched.kind === 'kept') {
      expect({ label, isSame: fetched.content?.equals(bytes), size: fetched.bytes <= limit }).toEqual({
        label,
        isSame: true,
        size: true,
      })
      expect(fetched.mimeType.startsWith('image/') || kind !== 'image').toBe(true)
    } else {
      if (fetched.kind === 'failed') expect(problems).toContain(fetched.problem)
      expect(rig.files()).toHaveLength(kept)
    }
  }
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(5)
})

/** Truncates, alters, extends or prefixes the bytes, or leaves them alone. */
function spoil(bytes: Buffer, random: ReturnType<typeof seeded>): Buffer {
  const copy = Buffer.from(bytes)
  switch (random.below(6)) {
    case 0:
      return copy.subarray(0, random.below(copy.length))
    case 1:
      for (let times = random.below(8); times >= 0; times--) copy[random.below(copy.length)] = random.below(256)
      return copy
    case 2:
      return Buffer.concat([copy, random.bytes(random.below(2 * limit))])
    case 3:
      return Buffer.concat([random.bytes(1 + random.below(8)), copy])
    default:
      return copy
  }
}
