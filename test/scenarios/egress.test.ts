import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { echoAnswer } from '../../src/playground/gateway/runs/script.ts'
import { type ForwardProxy, openForwardProxy } from '../wecom/forward-proxy.ts'
import { appOf, type TestDaemon, type TestDaemonOptions } from './daemon.ts'
import { accept, readBy, sendAndWait, waitForTry } from './sending.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

/** For localhost, of an authority that only we know; with its key. */
const certificate = join(import.meta.dir, '../wecom/localhost.pem')
const secrets = ['us@er', 'us%40er', 'p:w', 'p%3Aw', appOf.corpSecret, 'key-of-ops', 'access_token', 'response_code']

const daemon = useDaemon()
let proxy: ForwardProxy
beforeEach(async () => {
  proxy = await openForwardProxy('us@er', 'p:w/ß')
})
afterEach(async () => {
  proxy.close()
})

async function open(options: TestDaemonOptions = {}): Promise<TestDaemon> {
  await daemon.open({
    tenant: { members: ['zhangsan'], robots: [{ name: 'ops', key: 'key-of-ops' }] },
    channel: { webhooks: { ops: 'key-of-ops' } },
    ...options,
  })
  await until('the gateway link', async () => (await fetch(`${daemon.app.privateUrl}/readyz`)).status === 200)
  return daemon
}

/** The answer comes after the bubble. */
const stream = { windowMs: 1_500, handoverMs: 1_000 }
const media = { fileName: '报告.pdf', base64: Buffer.alloc(200_000, '%PDF-1.7 ').toString('base64') }
const linesOf = (paths: readonly string[]) => paths.map(path => `${daemon.tenant.apiBaseUrl}/cgi-bin/${path}`)

function expectNoSecret(): void {
  const told = daemon.log.join('\n')
  expect(secrets.filter(secret => told.includes(secret))).toEqual([])
}

describe('a network that lets only the proxy out', () => {
  test('egress: token, messages, uploads and answers all go through the proxy, the gateway does not', async () => {
    await open({ agent: {}, network: { egressProxyUrl: proxy.url }, bot: { stream } })
    const { tenant } = daemon
    tenant.api.acceptOnly(port => proxy.opened(port))
    expect(await sendAndWait(daemon, { to: 'user:zhangsan', text: '你好' })).toMatchObject({ state: 'delivered' })
    expect(await sendAndWait(daemon, { to: 'user:zhangsan', media })).toMatchObject({ state: 'delivered' })
    expect(await sendAndWait(daemon, { to: 'webhook:ops', text: '值班' })).toMatchObject({ state: 'delivered' })
    expect(await sendAndWait(daemon, { to: 'webhook:ops', media })).toMatchObject({ state: 'delivered' })
    expect(tenant.ledger.entries.map((entry): string => entry.kind)).toEqual([
      'app-text',
      'app-media',
      'robot-text',
      'robot-media',
    ])
    expect(tenant.media.uploads.map(upload => upload.bytes.toString('base64') === media.base64)).toEqual([true, true])

    await tenant.say({ userid: 'zhangsan', text: '[slow 900] 慢' }).finished
    await until('the answer', () => readBy(daemon, 'zhangsan').includes(echoAnswer('慢')))

    const called = proxy.passed.map(line => line.split(' ')[1])
    const wanted = ['gettoken', 'message/send', 'media/upload', 'webhook/send', 'webhook/upload_media']
    expect(called).toEqual(expect.arrayContaining(linesOf(wanted)))
    expect(proxy.passed.filter(line => !line.includes(new URL(tenant.apiBaseUrl).host))).toEqual([])
    expect(daemon.gateway.asks()).toHaveLength(1)
    expectNoSecret()
  })

  test('egress: an account without an app answers by response_url through the proxy', async () => {
    await open({ network: { egressProxyUrl: proxy.url }, bot: { stream } })
    daemon.tenant.api.acceptOnly(port => proxy.opened(port))
    await daemon.tenant.say({ userid: 'zhangsan', text: '[slow 900] 慢' }).finished
    await until('the answer', () => readBy(daemon, 'zhangsan').includes(echoAnswer('慢')))
    expect(daemon.tenant.responses.posts).toHaveLength(1)
    expect(proxy.passed).toEqual([expect.stringContaining('/cgi-bin/aibot/response')])
    expectNoSecret()
  })

  test('egress: without the proxy in the config nothing arrives, and nothing is lost', async () => {
    await open({ agent: {} })
    daemon.tenant.api.acceptOnly(port => proxy.opened(port))
    const id = await accept(daemon, { to: 'user:zhangsan', text: 'x' })
    expect(await waitForTry(daemon, id)).toMatchObject({ state: 'queued', attempts: [{ outcome: 'retry' }] })
    expect([daemon.tenant.api.requests, proxy.passed]).toEqual([[], []])
    expectNoSecret()
  })

  test('egress: a proxy that refuses us is named in the report, without its credentials', async () => {
    const strict = await openForwardProxy('us@er', 'another')
    await open({ agent: {}, network: { egressProxyUrl: proxy.url.replace(/@127.*/, strict.url.replace(/.*@/, '@')) } })
    const id = await accept(daemon, { to: 'user:zhangsan', text: 'x' })
    const report = await waitForTry(daemon, id)
    expect(report.attempts[0]).toMatchObject({ outcome: 'retry', hint: expect.stringContaining('proxy') })
    expect([strict.refused.length > 0, strict.passed]).toEqual([true, []])
    expect(secrets.filter(secret => JSON.stringify(report).includes(secret))).toEqual([])
    expectNoSecret()
    strict.close()
  })
})

/** TLS before a plain server that is named later. */
async function openTlsFront() {
  const pem = await Bun.file(certificate).text()
  const sockets = new Set<Socket>()
  let behind = 0
  const server = createServer({ key: pem, cert: pem }, client => {
    const onward = connect(behind, '127.0.0.1', () => {
      client.pipe(onward)
      onward.pipe(client)
    })
    for (const [one, other] of [[client, onward] as const, [onward, client] as const]) {
      sockets.add(one)
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
    }
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>(resolve => server.listen(0, resolve))
  return {
    origin: `https://localhost:${(server.address() as AddressInfo).port}`, // it listens on TCP
    leadTo: (origin: string) => void (behind = Number(new URL(origin).port)),
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

describe('a private deployment with an authority of its own', () => {
  const folder = () => mkdtempSync(join(tmpdir(), 'wecomd-ca-'))

  test('egress: with caFile everything works over TLS, through the proxy as a tunnel', async () => {
    const front = await openTlsFront()
    const place = folder()
    const caFile = join(place, 'ca.pem')
    writeFileSync(
      caFile,
      /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(await Bun.file(certificate).text())?.[0] ?? '',
    )
    await open({ agent: {}, network: { apiBaseUrl: front.origin, caFile, egressProxyUrl: proxy.url } })
    front.leadTo(daemon.tenant.apiBaseUrl)
    expect(await sendAndWait(daemon, { to: 'user:zhangsan', text: '你好' })).toMatchObject({ state: 'delivered' })
    expect(await sendAndWait(daemon, { to: 'user:zhangsan', media })).toMatchObject({ state: 'delivered' })
    expect(await sendAndWait(daemon, { to: 'webhook:ops', text: '值班' })).toMatchObject({ state: 'delivered' })
    expect(new Set(proxy.passed)).toEqual(new Set([`CONNECT ${new URL(front.origin).host}`]))
    expectNoSecret()
    front.close()
    rmSync(place, { recursive: true })
  })

  test('egress: without caFile WeCom hears nothing, and the report says that the certificate is not known', async () => {
    const front = await openTlsFront()
    await open({ agent: {}, network: { apiBaseUrl: front.origin } })
    front.leadTo(daemon.tenant.apiBaseUrl)
    const id = await accept(daemon, { to: 'user:zhangsan', text: 'x' })
    expect(await waitForTry(daemon, id)).toMatchObject({
      attempts: [
        {
          outcome: 'retry',
          errmsg: 'DEPTH_ZERO_SELF_SIGNED_CERT',
          hint: expect.stringContaining('channels.wecom.network.caFile'),
        },
      ],
    })
    expect(daemon.tenant.api.requests).toEqual([])
    expectNoSecret()
    front.close()
  })
})
