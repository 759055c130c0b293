import { type OpenClaw, startOpenClaw } from '../../scripts/openclaw.ts'

/** For `describe.skipIf`. Only a person may set the variable. */
export const withoutOpenClaw = process.env.WECOMD_SKIP_OPENCLAW === '1'

/** The name of a suite; it says when the suite is skipped. */
export function openclawSuite(area: string): string {
  return withoutOpenClaw ? `${area} (skipped: WECOMD_SKIP_OPENCLAW=1)` : area
}

const slot: { [key: symbol]: Promise<OpenClaw> | undefined } = globalThis
const key = Symbol.for('wecomd.test.openclaw')

/**
 * The real gateway shared by all suites of this process. It starts at the first call and stops at exit. A test that stops
 * it must start it again. It has two models, `fake/fake-1` and `fake/fake-2` (alias `quick`).
 */
export async function sharedGateway(): Promise<OpenClaw> {
  slot[key] ??= startOpenClaw({ configPatch: twoModels, trustedProxies: ['127.0.0.1'] })
  const gateway = await slot[key]
  // A test that takes too long is ended together with the processes that were started meanwhile.
  if (!(await isListening(gateway))) await gateway.start()
  return gateway
}

async function isListening({ port }: OpenClaw): Promise<boolean> {
  return await fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  )
}

/** For a test that starts the gateway again, which takes a minute where others want the processors too. */
export const restartWithinMs = 240_000

const twoModels = {
  agents: { defaults: { models: { 'fake/fake-1': {}, 'fake/fake-2': { alias: 'quick' } } } },
}
