import { describe, expect, test } from 'bun:test'
import type { ScriptStep } from '../../src/playground/gateway/runs/script.ts'
import { isObject } from '../../src/domain/json.ts'
import { appOf, type TestDaemon, type TestDaemonOptions } from './daemon.ts'
import { until } from './until.ts'
import { useDaemon } from './use-daemon.ts'

const card = {
  card_type: 'button_interaction',
  task_id: 'release-7',
  main_title: { title: 'Release?' },
  button_list: [
    { text: 'Yes', key: 'y' },
    { text: 'No', key: 'n' },
  ],
}
const json = JSON.stringify({ template_card: card })
const words = '**Release?**\n- Yes\n- No\n（直接回复你的选择即可）'
const around = '请选：\n\n谢谢'

/** Answers with the card between two words, with what it heard, or with the JSON that it is told; five characters at a time. */
function* script(message: string): Generator<ScriptStep> {
  const [, waitMs] = /\[slow (\d+)\]/.exec(message) ?? []
  const [told] = /\{.*\}/.exec(message) ?? []
  yield { kind: 'wait', ms: Number(waitMs ?? 0) }
  const isHeard = message.includes('[card]')
  const answer = isHeard ? `heard ${message}` : (told ?? `请选：\n\n\`\`\`json\n${json}\n\`\`\`\n\n谢谢`)
  for (const text of answer.match(/[\s\S]{1,5}/g) ?? []) {
    yield { kind: 'say', text }
    yield { kind: 'wait', ms: 5 }
  }
}

const daemon = useDaemon()

async function open(options: TestDaemonOptions = {}): Promise<TestDaemon> {
  await daemon.open({ gateway: { script }, ...options })
  await until('the gateway link', async () => (await fetch(`${daemon.app.privateUrl}/readyz`)).status === 200)
  return daemon
}

/** What was seen in a place besides bubbles, by kind. */
const seen = (kind: string) =>
  daemon.tenant.ledger.entries.filter(entry => entry.kind === kind).map(entry => entry.text)

/** A user presses a button of the card that the Bot sent; resolves to what the platform got for it. */
async function click(taskId: string, msgid: string, userid = 'zhangsan') {
  const { tenant } = daemon
  return await tenant.wire.deliver('event', {
    msgid,
    create_time: Math.floor(daemon.clock.now() / 1000),
    aibotid: 'aibPLAYGROUND',
    chattype: 'single',
    from: { userid },
    response_url: tenant.responses.issue({ userid }, msgid),
    msgtype: 'event',
    event: {
      eventtype: 'template_card_event',
      template_card_event: { card_type: 'button_interaction', event_key: 'y', task_id: taskId },
    },
  })
}

function taskIdOf(text: string | undefined): string {
  const sent: unknown = JSON.parse(text ?? '{}')
  return isObject(sent) ? String(sent['task_id']) : ''
}

describe('an answer with a card, in the single chat with the Bot', () => {
  test('cards: it becomes a real card, no frame ever shows its JSON, and the bubble ends with the text around it', async () => {
    await open()
    const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: '发布' }).finished
    for (const { content } of bubble.frames) expect(content).not.toMatch(/template_card|card_type|button_list|task_id/)
    const [sent] = seen('card')
    expect(JSON.parse(sent ?? '{}')).toMatchObject({ ...card, task_id: expect.stringMatching(/^card_st-/) })
    expect(bubble.text).toBe(around)
    expect(daemon.tenant.violations()).toEqual([])
  })

  test('cards: refused, it stands in the same bubble as words', async () => {
    await open()
    daemon.tenant.responses.fail({ when: 'before', how: 404 })
    const bubble = await daemon.tenant.say({ userid: 'zhangsan', text: '发布' }).finished
    expect(bubble.text).toContain(words)
    expect(seen('card')).toEqual([])
    expect(await daemon.api('/api/dead')).toEqual({ dead: [] })
  })

  test('cards: a click is heard once by the name that the model gave, the card says that it was taken', async () => {
    await open()
    await daemon.tenant.say({ userid: 'zhangsan', text: '发布' }).finished
    const taskId = taskIdOf(seen('card')[0])
    const [first, again] = [await click(taskId, 'click-1'), await click(taskId, 'click-1')]
    for (const { status, reply } of [first, again]) {
      expect(status).toBe(200)
      expect(reply.violations).toEqual([])
      expect(reply.plain).toEqual({
        response_type: 'update_template_card',
        template_card: expect.objectContaining({ task_id: taskId, sub_title_text: '已选择：Yes' }),
      })
    }
    await until('the answer', () => seen('markdown').length > 0)
    expect(seen('markdown')).toEqual(['heard [card] key=y task=release-7'])
    expect(daemon.gateway.asks().map(ask => ask.text)).toEqual(['发布', '[card] key=y task=release-7'])
    expect(await daemon.api('/api/dead')).toEqual({ dead: [] })
  })

  test('cards: a click on a card that is not of an answer is only heard', async () => {
    await open()
    const { status, raw } = await click('of-a-script', 'click-2')
    expect([status, raw]).toEqual([200, ''])
    await until('the answer', () => seen('markdown').length > 0)
    expect(daemon.gateway.asks().map(ask => ask.text)).toEqual(['[card] key=y task=of-a-script'])
  })

  test('cards: ordinary JSON is shown as it is', async () => {
    await open()
    const text = JSON.stringify({ name: 'x', template: { card: 1 } })
    expect((await daemon.tenant.say({ userid: 'zhangsan', text }).finished).text).toBe(text)
  })
})

test('cards: in a group it stands in the bubble as words', async () => {
  await open()
  const bubble = await daemon.tenant.say({ userid: 'zhangsan', chatid: 'wrGroup', text: '@助手 发布' }).finished
  expect(bubble.text).toContain(words)
  expect(bubble.text).not.toContain('template_card')
  expect(seen('card')).toEqual([])
})

describe('an answer with a card, by the app', () => {
  test('cards: it is a card message after the text around it', async () => {
    await open({ agent: {} })
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: '发布' }).done
    await until('the card', () => seen('app-card').length > 0)
    expect(daemon.tenant.ledger.seen({ userid: 'zhangsan' }).map(entry => entry.kind)).toEqual(['app-text', 'app-card'])
    expect(seen('app-text')).toEqual([around])
    const [sent] = seen('app-card')
    expect(JSON.parse(sent ?? '{}')).toMatchObject({
      main_title: card.main_title,
      task_id: expect.stringMatching(/^card_/),
    })
  })

  test('cards: refused, it comes in words, and the text before it is not repeated', async () => {
    const { corpId, corpSecret, agentId } = appOf // without a callback URL the platform takes no card with buttons
    const tenant = { apps: [{ corpId, corpSecret, agentId }], members: ['zhangsan'] }
    await open({ agent: {}, tenant, bot: { stream: { windowMs: 1_500, handoverMs: 500 } } })
    daemon.tenant.say({ userid: 'zhangsan', chatid: 'wrGroup', text: `@助手 [slow 2500] 发布` })
    await until('the words', () => seen('app-text').some(text => text.includes(words)))
    expect(seen('app-text')).toEqual([around, words])
    expect(seen('app-card')).toEqual([])
    expect(await daemon.api('/api/dead')).toEqual({ dead: [] })
  })

  test('card: the button that was pressed in the app names the choice, once, and the agent hears of it', async () => {
    await open({ agent: {} })
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: 'card please' }).done
    await until('the card', () => seen('app-card').length > 0)
    const sent = JSON.parse(seen('app-card')[0] ?? '{}') as { task_id: string } // as the tenant got it
    const click = daemon.tenant.clickAppCard({
      userid: 'zhangsan',
      taskId: sent.task_id,
      eventKey: 'y',
      cardType: 'button_interaction',
    })
    await click.done
    await click.deliverAgain()
    await until('the change', () => seen('app-card-update').length > 0)
    await until('the answer', () => seen('app-text').some(text => text.includes('heard [card] key=y task=release-7')))
    expect(seen('app-card-update').map(text => JSON.parse(text))).toEqual([{ ...sent, replace_text: '已选择：Yes' }])
    const updates = daemon.tenant.api.requests.filter(({ path }) => path.endsWith('/update_template_card'))
    expect(updates.map(({ body }) => JSON.parse(String(body)))).toMatchObject([
      { userids: ['zhangsan'], agentid: appOf.agentId, response_code: click.responseCode },
    ])
    expect(daemon.tenant.violations()).toEqual([])
  })

  test('card: a change that the platform refuses costs nothing but the change', async () => {
    await open({ agent: {} })
    await daemon.tenant.sayToApp({ userid: 'zhangsan', text: 'card please' }).done
    await until('the card', () => seen('app-card').length > 0)
    const { task_id: taskId } = JSON.parse(seen('app-card')[0] ?? '{}') as { task_id: string } // as the tenant got it
    daemon.tenant.api.failWith('/cgi-bin/message/update_template_card', 40_058, 1)
    await daemon.tenant.clickAppCard({ userid: 'zhangsan', taskId, eventKey: 'y', cardType: 'button_interaction' }).done
    await until('the answer', () => seen('app-text').some(text => text.includes('heard [card]')))
    expect(seen('app-card-update')).toEqual([])
    expect(await daemon.api('/api/status')).toMatchObject({ dead: 0, outbox: { queued: 0 } })
  })
})
