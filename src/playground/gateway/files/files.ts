import type { Clock } from '../../../world.ts'
import { type Block, blockOf, type StoredFile, type ScriptFile } from './blocks.ts'
import { type RpcAnswer, type Params, refuse } from '../frames.ts'
import { type Disk, normaliseKey, type Session } from '../runs/history.ts'

const folder = '/api/chat/media/outgoing/'
const ticketMs = 300_000

/** The files of all answers. Download tickets are valid only in the process that issued them. */
export class EchoFiles {
  private readonly expiries = new Map<string, number>()

  constructor(
    private readonly clock: Clock,
    private readonly disk: Disk,
    private readonly newId: () => string,
  ) {}

  /** Stores the files of an answer and returns the content blocks for its row. */
  store(session: Session, runId: string, made: readonly ScriptFile[]): readonly Block[] {
    return made.map(file => {
      const { name, mimeType } = file
      if ('refused' in file) {
        return { type: 'attachment_error', attachment: { code: file.refused, kind: 'document', label: name, mimeType } }
      }
      const kept = this.newFile(session.key, runId, file)
      session.files.push(kept)
      return blockOf(kept)
    })
  }

  private newFile(
    sessionKey: string,
    runId: string,
    { name, mimeType, bytes }: ScriptFile & { bytes: Uint8Array },
  ): StoredFile {
    const id = this.newId()
    const artifactId = `artifact_managed_${mimeType.startsWith('image/') ? 'image' : 'media'}_${id}`
    const path = `${folder}${encodeURIComponent(sessionKey)}/${id}/full`
    return { artifactId, path, runId, name, mimeType, bytes }
  }

  list(params: Params): RpcAnswer {
    const runId = params['runId']
    const files = this.filesOf(params).filter(file => runId === undefined || file.runId === runId)
    return { ok: true, payload: { artifacts: files.map(file => ({ ...entryOf(file), runId: file.runId })) } }
  }

  download(params: Params): RpcAnswer {
    const artifactId = String(params['artifactId'])
    const file = this.filesOf(params).find(one => one.artifactId === artifactId)
    if (file === undefined) {
      return refuse('INVALID_REQUEST', 'artifact not found', { details: { type: 'artifact_not_found', artifactId } })
    }
    const url = `${file.path}?mediaTicket=v1.${this.newId()}`
    const expiresAt = this.clock.now() + ticketMs
    this.expiries.set(url, expiresAt)
    return { ok: true, payload: { artifact: entryOf(file), url, expiresAt: new Date(expiresAt).toISOString() } }
  }

  /** Answers a GET request; undefined if the URL is not a file. */
  serve({ pathname, search }: URL): Response | undefined {
    if (!pathname.startsWith(folder)) return undefined
    if (this.clock.now() >= (this.expiries.get(`${pathname}${search}`) ?? 0)) {
      return Response.json({ ok: false, error: 'unauthorized' }, { status: 401 })
    }
    const file = [...this.disk.sessions.values()].flatMap(({ files }) => files).find(({ path }) => path === pathname)
    if (file === undefined) return Response.json({ ok: false, error: 'not found' }, { status: 404 })
    const disposition = `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`
    return new Response(Buffer.from(file.bytes), {
      headers: { 'content-type': file.mimeType, 'content-disposition': disposition },
    })
  }

  private filesOf(params: Params): readonly StoredFile[] {
    return this.disk.sessions.get(normaliseKey(String(params['sessionKey'])))?.files ?? []
  }
}

function entryOf({ artifactId: id, name: title, mimeType, bytes }: StoredFile): object {
  const type = /^(?:image|audio)(?=\/)/.exec(mimeType)?.[0] ?? 'file'
  const source = 'session-transcript'
  return { id, type, title, mimeType, sizeBytes: bytes.length, source, download: { mode: 'url' } }
}
