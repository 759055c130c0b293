import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { createPlayground } from '../../src/playground/demo.ts'
import { createLog, realWorld } from '../../src/world.ts'
import { encodingAESKey, type Received, serveCallbacks, stream, token } from './callback-server.ts'

const world = realWorld(
  createLog(
    () => {},
    () => 0,
    { level: 'error', format: 'json' },
  ),
)
const flags =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'
const open: { close(): unknown }[] = []
let browser: Browser

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags.split(' ') })
}, 30_000)

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

afterAll(async () => await browser.close())

async function playgroundOf(answer: (received: Received) => object | undefined) {
  const server = serveCallbacks(answer)
  const playground = await createPlayground(world, { callbackUrl: server.url, token, encodingAESKey, port: 0 })
  open.push(server, playground)
  return playground
}

async function pageOf(url: string): Promise<Page> {
  const page = await browser.newPage()
  open.push(page)
  await page.goto(url)
  await page.waitForSelector('[data-conversation="zhangsan"]')
  return page
}

test('page: a message shows the animation, streams, and ends with a check', async () => {
  const steps = [
    stream('<think></think>', false),
    stream('你', false),
    stream('你好', false),
    stream('你好<b>！</b>', true),
  ]
  const { url, tenant } = await playgroundOf(({ event }) => (event ? undefined : steps.shift()))
  const page = await pageOf(url)
  const seen: string[] = []
  tenant.on(event => {
    if (event.kind !== 'bubble' || event.bubble.state !== 'open') return
    event.bubble.stopPolling()
  })
  await page.fill('#text', '在吗')
  await page.keyboard.press('Enter')
  await page.waitForSelector('.bot .dots')
  const [bubble] = tenant.bubbles
  for (const text of ['你', '你好', '你好<b>！</b>']) {
    await bubble?.pollOnce()
    const found = page.locator('.bot .bubble').getByText(text, { exact: true })
    await found.waitFor()
    seen.push((await found.textContent()) ?? '')
  }
  expect(seen).toEqual(['你', '你好', '你好<b>！</b>'])
  await page.waitForSelector('.bot [data-state="finished"]')
  expect(await page.locator('.mine .bubble').textContent()).toBe('在吗')
}, 20_000)

test('page: in a group, each user can write and the bot is mentioned', async () => {
  const { url, tenant } = await playgroundOf(() => stream('好', true))
  const page = await pageOf(url)
  await page.click('[data-conversation="wrPlayground01"]')
  await page.click('[data-writer="lisi"]')
  await page.fill('#text', '总结一下')
  await page.click('#send')
  await page.waitForSelector('.bot [data-state="finished"]')
  expect(tenant.bubbles[0]?.callback).toMatchObject({
    chattype: 'group',
    from: { userid: 'lisi' },
    text: { content: '@助手 总结一下' },
  })
}, 20_000)

test('page: a reload restores the conversation', async () => {
  const { url, tenant } = await playgroundOf(({ event }) => (event ? undefined : stream('稍后告诉你', true)))
  const bubble = await tenant.say({ userid: 'zhangsan', text: '长问题' }).finished
  const body = JSON.stringify({ msgtype: 'markdown', markdown: { content: '全文在此' } })
  await fetch(bubble.responseUrl ?? '', { method: 'POST', body })
  const page = await pageOf(url)
  await page.waitForSelector('.note')
  await page.reload()
  await page.waitForSelector('.note')
  expect(await page.locator('.note blockquote').textContent()).toBe('长问题')
  expect(await page.locator('.bubble').allTextContents()).toEqual(['长问题', '稍后告诉你', '长问题全文在此'])
}, 20_000)

test('page: reasoning is collapsible and stays open during streaming', async () => {
  const steps = [stream('<think>先想想</think>\n答', false), stream('<think>先想想</think>\n答案', true)]
  const { url, tenant } = await playgroundOf(({ event }) => (event ? undefined : steps.shift()))
  const page = await pageOf(url)
  const bubble = await tenant.say({ userid: 'zhangsan', text: 'hi' }).opened
  bubble.stopPolling()
  await page.click('.thought summary')
  await bubble.pollOnce()
  await page.waitForSelector('.bot [data-state="finished"]')
  expect(await page.locator('.thought').evaluate(details => details.hasAttribute('open'))).toBe(true)
}, 20_000)

test('page: the page has a content security policy and serves loopback only', async () => {
  const { url } = await playgroundOf(() => undefined)
  const response = await fetch(url)
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
  expect((await fetch(url, { headers: { host: 'evil.example' } })).status).toBe(403)
  expect((await fetch(`${url}live`, { headers: { origin: 'http://evil.example' } })).status).toBe(403)
  expect((await fetch(`${url}nothing`)).status).toBe(404)
})
