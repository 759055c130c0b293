import { afterEach, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { echoAnswer } from '../../src/playground/gateway/runs/script.ts'
import { openNotifier } from '../../src/app/systemd.ts'
import type { World } from '../../src/world.ts'
import { startDaemon } from '../cli/child.ts'
import { FakeClock } from '../fake-clock.ts'
import { type EchoRig, isIdle, journeyOf, openEchoRig } from '../kill/rig.ts'
import { root } from '../source.ts'
import { botKey, botToken, freePort, quietWorld } from './daemon.ts'
import { openNotifySocket } from './notify-socket.ts'
import { until } from './until.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

async function openUp(): Promise<EchoRig> {
  const rig = await openEchoRig({ tenant: { deliveries: 100 }, echo: {} })
  open.push(rig)
  await until('the gateway link', async () => (await readiness(rig)).status === 200)
  return rig
}

async function readiness({ daemon }: EchoRig) {
  const response = await fetch(`${daemon.privateUrl}/readyz`, { keepalive: false })
  return { status: response.status, body: await response.json() }
}

describe('SIGTERM', () => {
  test('shutdown: while it drains it asks nothing more, answers callbacks, and shows what ends in time', async () => {
    const rig = await openUp()
    const { daemon, tenant, echo } = rig
    const quick = tenant.say({ userid: 'quick', text: '[slow 1500] quick' })
    const slow = tenant.say({ userid: 'slow', text: '[slow 12000] slow' })
    await until('both questions', () => echo.asks().length === 2)

    let isOver = false
    const stopped = daemon.stop().then(code => {
      isOver = true
      return code
    })
    const draining = await until('readyz to be 503', async () => {
      const ready = await readiness(rig)
      return ready.status === 503 ? ready.body : undefined
    })
    expect(draining).toMatchObject({ ready: false, components: { daemon: { state: 'stopping' } } })

    const late = await tenant.say({ userid: 'late', text: '[long 3 20] late' }).opened
    expect(late.frames[0]).toMatchObject({ content: '<think></think>', finish: false })
    await quick.finished
    expect([quick.text, isOver]).toEqual([echoAnswer('quick'), false])
    const before = slow.captured.length
    await until('more refreshes', () => slow.captured.length > before + 5)
    expect(slow.captured.slice(0, before + 5).map(exchange => exchange.status)).not.toContain(0)
    expect(isOver).toBe(false)
    expect(echo.asks().map(ask => ask.text)).not.toContain('[long 3 20] late')

    expect(await stopped).toBe(0)
    expect(daemon.log.filter(line => line.area === 'app').map(line => line.msg)).toEqual([
      'listening',
      'stopping',
      'stopped',
    ])
    await daemon.start()
    await Promise.all([slow.finished, late.finished])
    expect([slow.text, late.text]).toEqual([echoAnswer('slow'), 'tok0 tok1 tok2'])
    await until('everything to be done', () => isIdle(daemon))
    expect(
      echo
        .asks()
        .map(ask => ask.text)
        .toSorted(),
    ).toEqual(['[long 3 20] late', '[slow 12000] slow', '[slow 1500] quick'])
    const kinds = (await journeyOf(daemon, slow.msgid)).map(step => step['kind'])
    expect(kinds).toContain('resumed')
    expect(tenant.violations()).toEqual([])
    for (const userid of ['quick', 'slow', 'late']) expect(tenant.ledger.seen({ userid })).toHaveLength(1)
  })

  for (const [what, text, answer] of [
    ['an answer that ends during the drain', '[slow 300] quick', echoAnswer('quick')],
    ['a longer one', '[long 4 50]', 'tok0 tok1 tok2 tok3'],
    ['a failed one', '[fail] x', undefined],
  ] as const) {
    test(`shutdown: the final frame of ${what} is still fetched, before the listener closes`, async () => {
      const rig = await openEchoRig({ tenant: { deliveries: 100, refreshMs: 2_000 }, echo: {} })
      open.push(rig)
      const { daemon, tenant, echo } = rig
      await until('the gateway link', async () => (await readiness(rig)).status === 200)
      const bubble = await tenant.say({ userid: 'zhangsan', text }).opened
      await until('the question', () => echo.asks().length === 1)
      expect(await daemon.stop()).toBe(0)
      expect(bubble.frames.at(-1)?.finish).toBe(true)
      if (answer !== undefined) expect(bubble.text).toBe(answer)
    })
  }

  test('shutdown: with nothing to wait for it ends at once, and the next start finds everything as it was', async () => {
    const { daemon, tenant } = await openUp()
    const bubble = await tenant.say({ userid: 'zhangsan', text: '[long 2 20]' }).finished
    const journey = await journeyOf(daemon, bubble.msgid)
    expect(await daemon.stop()).toBe(0)
    expect(daemon.noise).toEqual([])
    await daemon.start()
    expect(await journeyOf(daemon, bubble.msgid)).toEqual(journey)
  })

  test('shutdown: a stranger who never ends his request does not hold it up', async () => {
    const { daemon } = await openUp()
    const { hostname, port } = new URL(String(daemon.log.find(line => line.msg === 'listening')?.['public']))
    const half = `POST /wecom?a=1 HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: 100\r\n\r\nhalf`
    const closed = Promise.withResolvers<void>()
    const socket = connect(Number(port), hostname, () => socket.write(half))
    socket.on('error', () => socket.destroy()).on('close', () => closed.resolve())
    await until('the connection', () => socket.bytesWritten > 0)
    expect(await daemon.stop()).toBe(0)
    await closed.promise
  }, 20_000)
})

describe('systemd', () => {
  /** A config of its own in a folder of its own. */
  function writeConfig(): { folder: string; file: string } {
    const folder = mkdtempSync(join(tmpdir(), 'wecomd-notify-'))
    open.push({ close: () => rmSync(folder, { recursive: true, force: true }) })
    const file = join(folder, 'wecomd.json5')
    const config = {
      channels: { wecom: { bot: { token: botToken, encodingAESKey: botKey } } },
      server: { host: '127.0.0.1', port: 0 },
      admin: { port: freePort() },
      gateway: { url: 'ws://127.0.0.1:1', token: 't' },
      stateDir: join(folder, 'state'),
    }
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
    return { folder, file }
  }

  function listen(path: string) {
    const socket = openNotifySocket(path)
    open.push(socket)
    return socket
  }

  test('systemd: it hears READY when callbacks are taken, then the watchdog, and STOPPING at the end', async () => {
    const { folder, file } = writeConfig()
    const path = join(folder, 'notify')
    const socket = listen(path)
    const daemon = await startDaemon(file, folder, { NOTIFY_SOCKET: path, WATCHDOG_USEC: '100000' })
    open.push(daemon)
    await socket.hear('WATCHDOG=1', 3)
    expect(socket.heard[0]).toBe('READY=1')
    expect(await daemon.stop()).toBe(0)
    expect(socket.heard.filter(state => state !== 'WATCHDOG=1')).toEqual(['READY=1', 'STOPPING=1'])
    expect(socket.heard.at(-1)).toBe('STOPPING=1')
  })

  test('systemd: an abstract socket is reached, too, and without a watchdog none is fed', async () => {
    const { folder, file } = writeConfig()
    const path = `@wecomd-test-${process.pid}`
    const socket = listen(path)
    const daemon = await startDaemon(file, folder, { NOTIFY_SOCKET: path })
    open.push(daemon)
    await socket.hear('READY=1')
    expect(await daemon.stop()).toBe(0)
    expect(socket.heard).toEqual(['READY=1', 'STOPPING=1'])
  })

  test('systemd: a socket that is gone does no harm', async () => {
    const { folder, file } = writeConfig()
    const daemon = await startDaemon(file, folder, { NOTIFY_SOCKET: join(folder, 'nobody'), WATCHDOG_USEC: '10000' })
    open.push(daemon)
    expect((await fetch(`${daemon.privateUrl}/healthz`)).status).toBe(200)
    expect(await daemon.stop()).toBe(0)
  })

  test('systemd: where nobody listens nothing is opened and nothing is said', () => {
    const opened: string[] = []
    const log: string[] = []
    for (const env of [{}, { NOTIFY_SOCKET: '' }, { WATCHDOG_USEC: '1000' }]) {
      const notifier = openNotifier(env, quietWorld(log), path => {
        opened.push(path)
        return () => {}
      })
      notifier.ready()
      notifier.stopping()
    }
    expect([opened, log]).toEqual([[], []])
  })

  test('systemd: where libc may not be called the systemd-notify program is', async () => {
    const { folder } = writeConfig()
    const said = join(folder, 'said')
    writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$1" >> '${said}'\n`)
    chmodSync(join(folder, 'systemd-notify'), 0o755)
    expect(await notifyWithoutLibc(`${folder}:${process.env.PATH ?? ''}`)).toContain(
      'notifying systemd through systemd-notify',
    )
    const lines = () => (existsSync(said) ? readFileSync(said, 'utf8').trim().split('\n') : [])
    await until('both states', () => lines().length === 2)
    expect(lines().toSorted()).toEqual(['READY=1', 'STOPPING=1'])
  })

  test('systemd: where that program is missing as well the daemon says so once and goes on', async () => {
    const { folder } = writeConfig()
    expect(await notifyWithoutLibc(folder)).toContain('cannot notify systemd')
  })

  /** Runs a notifier in a process of its own with this PATH, with libc forbidden; resolves to its log. */
  async function notifyWithoutLibc(path: string): Promise<string> {
    const script = `
      const { openNotifier } = await import(${JSON.stringify(join(root, 'src/app/systemd.ts'))})
      const log = (msg, fields) => console.log(msg, JSON.stringify(fields))
      const forbidden = () => { throw new Error('mprotect failed') }
      const notifier = openNotifier({ NOTIFY_SOCKET: '/nowhere' }, { log: { info: log, warn: log } }, forbidden)
      notifier.ready()
      notifier.stopping()`
    const child = Bun.spawn([process.execPath, '-e', script], {
      env: { PATH: path },
      stdout: 'pipe',
      stderr: 'inherit',
    })
    const [text, code] = await Promise.all([child.stdout.text(), child.exited])
    expect(code).toBe(0)
    return text
  }
})

test('systemd: the watchdog is fed at half its time, from READY on and no longer than STOPPING', async () => {
  const clock = new FakeClock(0)
  const said: string[] = []
  const world: World = { ...quietWorld(), clock }
  const sender = () => (state: string) => void said.push(`${clock.now()} ${state}`)
  const notifier = openNotifier({ NOTIFY_SOCKET: 'x', WATCHDOG_USEC: '3000000' }, world, sender)
  await clock.advanceTo(5_000)
  notifier.ready()
  await clock.advanceTo(8_000)
  notifier.stopping()
  await clock.advanceTo(20_000)
  expect(said).toEqual(['5000 READY=1', '5000 WATCHDOG=1', '6500 WATCHDOG=1', '8000 WATCHDOG=1', '8000 STOPPING=1'])
})
