import { connect } from 'node:net'
import type { Binary } from '../scenarios/binary.ts'
import { adminToken } from './rig.ts'

/** A `POST /api/send` that goes out piece by piece. */
export interface Post {
  /** Resolves when the kernel has half of it. */
  sendHalf(): Promise<void>
  sendWhole(): Promise<void>
  /** Resolves at the first byte of an answer. */
  readonly answered: Promise<void>
}

/** Connects to the private listener; the connection is the daemon's to break. */
export async function openPost({ privateUrl }: Binary, body: object): Promise<Post> {
  const { hostname, port } = new URL(privateUrl)
  const content = Buffer.from(JSON.stringify(body))
  const head = [
    'POST /api/send HTTP/1.1',
    `Host: ${hostname}`,
    `Authorization: Bearer ${adminToken}`,
    'Content-Type: application/json',
    `Content-Length: ${content.length}`,
  ]
  const request = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), content])
  const socket = connect(Number(port), hostname)
  socket.on('error', () => socket.destroy()) // a kill breaks it
  await new Promise<void>(resolve => void socket.once('connect', resolve))
  const answered = new Promise<void>(resolve => void socket.once('data', () => resolve()))
  const write = (bytes: Buffer) => new Promise<void>(resolve => void socket.write(bytes, () => resolve()))
  return {
    sendHalf: () => write(request.subarray(0, request.length / 2)),
    sendWhole: () => write(request),
    answered,
  }
}
