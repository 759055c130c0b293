import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Attachment } from '../../src/domain/message.ts'
import type { Fetched } from '../../src/domain/ports.ts'
import { openSpool } from '../../src/store/spool.ts'
import type { PlatformOptions } from '../../src/wecom/platform.ts'
import { encodingAESKey } from '../playground/callback-server.ts'
import { main, openTenant } from '../playground/tenant-rig.ts'
import { openRig } from './api-rig.ts'

/** A tenant, and a platform that fetches media from it into its own spool. */
export async function openMediaRig(more: Partial<PlatformOptions> = {}) {
  const rig = await openTenant()
  const folder = mkdtempSync(join(tmpdir(), 'wecomd-media-'))
  const spool = openSpool({ folder })
  const { platform, lines } = openRig(rig.tenant.apiBaseUrl, {
    apps: new Map([['default', { ...main, allowAppChat: false }]]),
    botKeys: new Map([['default', [encodingAESKey]]]),
    createFile: name => spool.create(name),
    ...more,
  })
  let files = 0
  return {
    tenant: rig.tenant,
    passMs: rig.passMs,
    lines,
    files: () => readdirSync(folder),
    /** The result of a fetch, with the bytes stored in the spool. */
    async fetch(attachment: Attachment, account = 'default'): Promise<Fetched & { readonly content?: Buffer }> {
      const file = `media_${++files}`
      const fetched = await platform.fetchMedia(account, attachment, file)
      if (fetched.kind !== 'kept') return fetched
      const { open } = await spool.open({ kind: 'spool', file })
      const pieces: Uint8Array[] = []
      for await (const piece of open()) pieces.push(piece)
      return { ...fetched, content: Buffer.concat(pieces) }
    },
    [Symbol.dispose]() {
      rig.tenant.close()
      rmSync(folder, { recursive: true })
    },
  }
}
