import { createEchoGateway } from '../../src/playground/gateway/echo-gateway.ts'
import type { ScriptStep } from '../../src/playground/gateway/runs/script.ts'
import { createLog, realClock, realWorld } from '../../src/world.ts'
import { bench } from './servers.ts'

/** Answers every message with 20 deltas of a sentence each, as fast as OpenClaw sends them. */
function* script(): Generator<ScriptStep, void> {
  for (let index = 0; index < 20; index++) {
    yield { kind: 'say', text: `第 ${index} 句：回答逐句生成，气泡随之变长。` }
    yield { kind: 'wait', ms: 80 }
  }
}

const world = realWorld(createLog(console.log, realClock.now, { level: 'error', format: 'json' }))
createEchoGateway(world, { token: bench.adminToken, port: Number(process.env.PORT), script })
