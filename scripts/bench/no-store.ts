import { startPublicListener } from '../../src/http/public.ts'
import { createBotEndpoint } from '../../src/wecom/callback/bot-endpoint.ts'
import { createLog, realClock, realRandom } from '../../src/world.ts'

const { PORT, BENCH_TOKEN = '', BENCH_KEY = '' } = process.env
const endpoint = createBotEndpoint(
  { id: 'default', token: BENCH_TOKEN, encodingAESKey: BENCH_KEY, replaced: [], receiveId: '' },
  {
    receive: async callback => ({
      kind: 'stream',
      frame: {
        streamId: callback.kind === 'message' ? callback.inbound.msgid : 'none',
        content: '<think></think>',
        finish: false,
      },
    }),
    clock: realClock,
    random: realRandom,
    log: createLog(console.log, realClock.now, { level: 'error', format: 'json' }),
    observe() {},
  },
)
startPublicListener(
  { host: '127.0.0.1', port: Number(PORT) },
  path => (path === '/wecom/bot' ? endpoint : undefined),
  () => {},
)
