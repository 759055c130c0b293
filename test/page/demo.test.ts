import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { echoAnswer } from '../../src/playground/echo-script.ts'
import { servePage } from '../../src/playground/page-server.ts'
import { buildBinary } from '../scenarios/binary.ts'
import { botKey, botToken, openHouse, quietWorld } from '../scenarios/house.ts'
import { until } from '../scenarios/until.ts'
import { openBrowser, openPage, say, watchBubble } from './browser.ts'
import { openTapped, openWiretap } from './wiretap.ts'

const open: { close(): unknown }[] = []
let browser: Browser

beforeAll(async () => {
  browser = await openBrowser()
})

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

afterAll(async () => await browser?.close())

/** What `wecomd demo` puts together, with a tap on the line between the tenant and the daemon. */
async function openDemo() {
  const wiretap = openWiretap()
  open.push(wiretap)
  const callbackUrl = `${wiretap.url}/wecom/bot`
  const house = await openHouse({ tenant: { callbackUrl, refreshMs: 250, strict: true } })
  open.push(house)
  wiretap.passTo(house.app.publicUrl)
  const served = servePage(quietWorld(), house.tenant, { port: 0, botName: '助手', callbackUrl, hints: ['试一试'] })
  open.push(served)
  const opened = () => wiretap.tapped.map(one => ({ ...one, ...openTapped(one, botToken, botKey) }))
  return { house, url: served.url, opened }
}

type Frame = { readonly stream: { readonly id: string; readonly content: string; readonly finish: boolean } }

test('demo: what is typed into the page travels encrypted to the daemon, and the bubble grows with each refresh', async () => {
  const { house, url, opened } = await openDemo()
  const complaints: string[] = []
  const page = await openPage(browser, url, complaints)
  open.push(page)
  const finished = await watchBubble(page)
  await say(page, '你好，介绍一下自己')
  const seen = (await finished()).filter(text => text !== '')
  const answer = echoAnswer('你好，介绍一下自己')
  expect(seen.length).toBeGreaterThanOrEqual(3)
  expect(seen.at(-1)).toBe(answer)
  for (const text of seen) expect(answer.startsWith(text)).toBe(true)

  const [message, ...refreshes] = opened().filter(one => one.callback['msgtype'] !== 'event')
  expect(message).toMatchObject({ method: 'POST', status: 200, url: { pathname: '/wecom/bot' } })
  expect(message?.callback).toMatchObject({ msgtype: 'text', from: { userid: 'zhangsan' }, chattype: 'single' })
  expect(message?.callback).toMatchObject({ text: { content: '你好，介绍一下自己' } })
  expect(message?.reply).toMatchObject({ msgtype: 'stream', stream: { finish: false, content: '<think></think>' } })
  // Each body was decrypted above by the official library; these are the frames of one stream, in order.
  const frames = [message, ...refreshes].map(one => one?.reply as unknown as Frame).map(frame => frame.stream)
  expect(new Set(frames.map(frame => frame.id)).size).toBe(1)
  const growing = [...new Set(frames.map(frame => frame.content).filter(content => answer.startsWith(content)))]
  expect(growing.length).toBeGreaterThanOrEqual(3)
  expect(growing.map(text => text.length)).toEqual(growing.map(text => text.length).toSorted((a, b) => a - b))
  expect(frames.at(-1)).toMatchObject({ content: answer, finish: true })
  for (const { callback } of refreshes)
    expect(callback).toMatchObject({ msgtype: 'stream', stream: { id: frames[0]?.id } })
  expect([complaints, house.tenant.violations()]).toEqual([[], []])
})

test('demo: in the group the other user asks, the bot hears its name, and the answer comes to the group', async () => {
  const { house, url, opened } = await openDemo()
  const page = await openPage(browser, url)
  open.push(page)
  await page.click('[data-conversation="wrPlayground01"]')
  await page.click('[data-writer="lisi"]')
  await say(page, '总结一下')
  await page.waitForSelector('.bot [data-state="finished"]')
  expect(await page.locator('.bot .bubble').textContent()).toBe(echoAnswer('[lisi]\n总结一下'))
  const message = opened().find(one => one.callback['msgtype'] === 'text')
  expect(message?.callback).toMatchObject({
    chattype: 'group',
    chatid: 'wrPlayground01',
    from: { userid: 'lisi' },
    text: { content: '@助手 总结一下' },
  })
  expect(house.gateway.asks().map(ask => ask.text)).toEqual(['[lisi]\n总结一下'])
  await page.click('[data-conversation="zhangsan"]')
  expect(await page.locator('.row').count()).toBe(0)
  expect(house.tenant.violations()).toEqual([])
})

test('demo: the page fits a narrow window, and what covers it can be closed again', async () => {
  const { url } = await openDemo()
  const page = await openPage(browser, url)
  open.push(page)
  await page.setViewportSize({ width: 390, height: 780 })
  await page.reload()
  await page.waitForSelector('[data-conversation="zhangsan"]')
  expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(390)
  await page.click('#wire-toggle')
  await page.waitForSelector('#wire', { state: 'visible' })
  await page.click('#wire-close')
  await page.waitForSelector('#wire', { state: 'hidden' })
  await say(page, '窄窗口')
  await page.waitForSelector('.bot [data-state="finished"]')
})

test('demo: wecomd demo says where its page is, answers there, and forgets everything at the end', async () => {
  const temporary = mkdtempSync(join(tmpdir(), 'wecomd-demo-test-'))
  open.push({ close: () => rmSync(temporary, { recursive: true, force: true }) })
  const child = Bun.spawn([await buildBinary(), 'demo', '--port', '0'], {
    cwd: temporary,
    env: { PATH: process.env.PATH ?? '', TMPDIR: temporary },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  open.push({ close: () => child.kill('SIGKILL') })
  let printed = ''
  const read = (async () => {
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) printed += chunk
  })()
  const url = await until('the address of the page', () => /open (http:\/\/127\.0\.0\.1:\d+\/) /.exec(printed)?.[1])
  const page = await openPage(browser, url)
  open.push(page)
  await say(page, 'hello')
  await page.waitForSelector('.bot [data-state="finished"]')
  expect(await page.locator('.bot .bubble').textContent()).toBe(echoAnswer('hello'))
  expect(readdirSync(temporary)).toHaveLength(1)
  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
  await read
  expect(existsSync(temporary) && readdirSync(temporary)).toEqual([])
})
