import { type OpenClaw, startOpenClaw } from '../../scripts/openclaw.ts'

/** For `describe.skipIf`; only a person may ask for it. */
export const withoutOpenClaw = process.env.WECOMD_SKIP_OPENCLAW === '1'

/** How a suite is named when it may be skipped. */
export function openclawSuite(area: string): string {
  return withoutOpenClaw ? `${area} (skipped: WECOMD_SKIP_OPENCLAW=1)` : area
}

const slot: { [key: symbol]: Promise<OpenClaw> | undefined } = globalThis
const key = Symbol.for('wecomd.test.openclaw')

/**
 * The real gateway that all suites of this process share, started at the first call and gone at exit. Whoever stops it
 * starts it again. It knows two models, `fake/fake-1` and `fake/fake-2` (alias `quick`).
 */
export function sharedGateway(): Promise<OpenClaw> {
  slot[key] ??= startOpenClaw({ configPatch: twoModels, trustedProxies: ['127.0.0.1'] })
  return slot[key]
}

const twoModels = {
  agents: { defaults: { models: { 'fake/fake-1': {}, 'fake/fake-2': { alias: 'quick' } } } },
}
