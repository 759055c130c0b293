import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Load } from './connections.ts'
import { loadCore, pinned, type Server, startSender, startWecom } from './servers.ts'

/**
 * Sends per second: durable 202s of POST /api/send while the daemon also delivers, and what a WeCom that answers at
 * once takes meanwhile and afterwards, when nothing new comes.
 */
export async function runSend(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { seconds: { type: 'string', default: '10' } } })
  console.log(
    '| connections | targets | accepted/s | p50 ms | p99 ms | failures | delivered/s meanwhile | afterwards | left after a minute | RSS MB | CPU µs/send |',
  )
  console.log('|---|---|---|---|---|---|---|---|---|---|---|')
  for (const target of ['user', 'party'] as const) {
    for (const connections of [1, 64]) console.log(await measure(target, connections, Number(values.seconds)))
  }
}

async function measure(target: 'user' | 'party', connections: number, seconds: number): Promise<string> {
  const wecom = await startWecom()
  const daemon = await startSender(new URL(wecom.url).origin)
  const taken = async () => Number(await (await fetch(`${new URL(wecom.url).origin}/count`)).text())
  const before = daemon.usage()
  const load = await post(daemon, connections, seconds, target)
  const meanwhile = await taken()
  const stoppedAt = performance.now()
  let all = meanwhile
  while (all < load.requests && performance.now() - stoppedAt < 60_000) {
    await Bun.sleep(50)
    all = await taken()
  }
  const afterMs = performance.now() - stoppedAt
  const after = daemon.usage()
  await daemon.stop()
  await wecom.stop()
  const cells = [
    connections,
    target === 'user' ? 'one each' : 'one for all',
    load.perSecond.toFixed(0),
    load.p50.toFixed(2),
    load.p99.toFixed(2),
    load.failures,
    (meanwhile / seconds).toFixed(0),
    all === meanwhile ? '' : (((all - meanwhile) / afterMs) * 1000).toFixed(0),
    load.requests - all,
    after.rssMb.toFixed(0),
    (((after.cpuSeconds - before.cpuSeconds) / all) * 1e6).toFixed(0),
  ]
  return `| ${cells.join(' | ')} |`
}

async function post(server: Server, connections: number, seconds: number, target: string): Promise<Load> {
  const options = [server.url, String(connections), String(seconds), target]
  const command = [process.execPath, join(import.meta.dir, 'send-load.ts'), ...options]
  const child = Bun.spawn(pinned(loadCore, command), { stdio: ['ignore', 'pipe', 'inherit'] })
  return JSON.parse(await new Response(child.stdout).text())
}
