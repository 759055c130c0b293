import { echoScript, type Script } from '../../src/playground/gateway/runs/script.ts'

/** The echo agent without its pauses, for tests to which only matters what it answers. */
export const quickEcho: Script = (message, media) => echoScript(message, media).filter(step => step.kind !== 'wait')
