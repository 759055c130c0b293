import { beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import type { OpenClaw } from '../../scripts/openclaw.ts'
import { pngOf } from '../gateway/files.ts'
import { directMessages, startAppDaemon } from '../scenarios/app-daemon.ts'
import { until } from '../scenarios/until.ts'
import { useDaemon } from '../scenarios/use-daemon.ts'
import { openclawSuite, sharedGateway, withoutOpenClaw } from './gateway.ts'

let claw: OpenClaw
const daemon = useDaemon(startAppDaemon)

const picture = pngOf(40)
const md5 = createHash('md5').update(picture).digest('hex')
const command = [
  `printf %s ${picture.toString('base64')} | base64 -d > made.png`,
  "printf 'a,b\\n1,2\\n' > 表.csv",
  "printf 'done\\nMEDIA:./made.png\\nMEDIA:./表.csv'",
].join('; ')
const order = `[tool exec ${JSON.stringify({ command })}]`

/** End to end: WeCom, the daemon, the real gateway, and back. */
describe.skipIf(withoutOpenClaw)(openclawSuite('media, end to end'), () => {
  beforeAll(async () => {
    claw = await sharedGateway()
  }, 600_000)

  for (const [where, place] of [
    ['a single chat', {}],
    ['a group', { chatid: 'wrMedia' }],
  ] as const) {
    test(`openclaw: an agent's image is in the bubble of ${where}, its table a message`, async () => {
      const userid = 'maker'
      await daemon.open({
        gatewayUrl: { url: claw.url, token: claw.token },
        tenant: { refreshMs: 200, members: [userid] },
      })
      const text = 'chatid' in place ? `@助手 ${order}` : order
      const bubble = await daemon.tenant.say({ userid, text, ...place }).finished
      expect(bubble.text).toContain('「表.csv」已通过应用消息发送给你')
      expect(bubble.text).not.toContain('MEDIA:')
      const stream = JSON.stringify(bubble.captured.at(-1)?.reply.plain?.['stream'])
      expect(stream).toContain(`"md5":"${md5}"`)
      const [sent] = await until('the table', () => {
        const messages = directMessages(daemon, userid)
        return messages.length > 0 && messages
      })
      expect(sent?.media).toMatchObject({ type: 'file', name: '表.csv', bytes: 8 })
      expect(daemon.tenant.violations()).toEqual([])
    })
  }

  test("openclaw: a user's image reaches the model as an image", async () => {
    const userid = 'sender'
    await daemon.open({
      gatewayUrl: { url: claw.url, token: claw.token },
      bot: { joinWindowMs: 0 },
      tenant: { refreshMs: 200 },
    })
    const url = daemon.tenant.botMedia(picture)
    await daemon.tenant.say({ userid, msgtype: 'image', payload: { url } }).finished
    const asked = claw.model.requests.findLast(({ said }) => said.includes('[image]'))
    expect(asked?.messages.reduce((sum, { images }) => sum + images, 0)).toBe(1)
  })
})
