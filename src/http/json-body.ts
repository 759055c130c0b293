import type { Static, TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { ParseError } from 'elysia'
import { WecomdError } from '../errors.ts'

/**
 * Reads the JSON of a request. It must be UTF-8, unless the content type names another charset, such as
 * `application/json; charset=gbk`. Throws `bad_message` for other bytes, which a reader would get as question marks, and
 * `ParseError` for a text that is not JSON.
 */
export async function readJsonBody(request: Request): Promise<unknown> {
  const bytes = await request.arrayBuffer()
  const [, charset = 'utf-8'] = /;\s*charset=["']?([^\s;"']+)/i.exec(request.headers.get('content-type') ?? '') ?? []
  try {
    return JSON.parse(decode(bytes, charset))
  } catch (error) {
    throw error instanceof WecomdError ? error : new ParseError(error instanceof Error ? error : undefined)
  }
}

function decode(bytes: ArrayBuffer, charset: string): string {
  try {
    // Unknown names throw, too.
    return new TextDecoder(charset as Bun.Encoding, { fatal: true }).decode(bytes)
  } catch {
    throw new WecomdError('bad_message', `the body is not valid ${charset.toUpperCase()}`, {
      hint: 'encode it as UTF-8, or name its charset, as in "Content-Type: application/json; charset=gbk"',
    })
  }
}

/** A body that does not fit its schema. The message has no value. */
export class BodyError extends Error {
  readonly path: string

  constructor(path: string, problem: string) {
    super(`${path === '' ? 'the body' : path}: ${problem}`)
    this.path = path
  }
}

/** Checks a body by its schema. Elysia's own check fails on objects with keys such as `constructor`. */
export function checkBody<Schema extends TSchema>(schema: Schema, body: unknown): Static<Schema> {
  if (Value.Check(schema, body)) return body
  const first = Value.Errors(schema, body).First()
  throw new BodyError(first?.path.slice(1).replaceAll('/', '.') ?? '', first?.message ?? 'is invalid')
}
