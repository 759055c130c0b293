import { afterAll, afterEach, beforeAll, expect } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { bigAnswer, echoAnswer } from '../../src/playground/gateway/runs/script.ts'
import { servePage } from '../../src/playground/page-server.ts'
import { buildBinary } from '../scenarios/binary.ts'
import { appOf, botKey, botToken, type TestDaemonOptions, startTestDaemon, quietWorld } from '../scenarios/daemon.ts'
import { until } from '../scenarios/until.ts'
import { realClock } from '../../src/world.ts'
import { root } from '../source.ts'
import { openBrowser, openPage, say, test, watchBubble, withoutChromium } from './browser.ts'
import { openTapped, openTappedXml, openWiretap } from './wiretap.ts'

const open: { close(): unknown }[] = []
let browser: Browser

beforeAll(async () => {
  if (!withoutChromium) browser = await openBrowser()
})

afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

afterAll(async () => await browser?.close())

/** The setup of `wecomd demo`, with a wiretap between the tenant and the daemon. */
async function openDemo(options: TestDaemonOptions = {}) {
  const wiretap = openWiretap()
  open.push(wiretap)
  const callbackUrl = `${wiretap.url}/wecom/bot`
  const app = { ...appOf, callbackUrl: `${wiretap.url}/wecom/agent`, name: '助手', hints: ['应用试一试'] }
  const robots = [{ name: 'ops', key: 'robot-key-of-the-demo' }]
  const tenant = { callbackUrl, refreshMs: 250, strict: true, apps: [app], robots, ...options.tenant }
  const channel = { webhooks: { ops: 'robot-key-of-the-demo' } }
  // The page looks at the browser's clock.
  const clock = realClock
  const daemon = await startTestDaemon({ agent: {}, channel, clock, ...options, tenant })
  open.push(daemon)
  wiretap.passTo(daemon.app.publicUrl)
  const page = { port: 0, botName: '助手', callbackUrl, hints: ['试一试'], app }
  const served = servePage(quietWorld(), daemon.tenant, page)
  open.push(served)
  const tapped = (path: string) => wiretap.tapped.filter(one => one.url.pathname === path)
  const opened = () => tapped('/wecom/bot').map(one => ({ ...one, ...openTapped(one, botToken, botKey) }))
  const openedXml = () => tapped('/wecom/agent').map(one => openTappedXml(one, appOf.token, appOf.encodingAESKey))
  return { daemon, url: served.url, opened, openedXml }
}

/** Opens the page and selects a conversation with the app. */
async function openApp(url: string, problems: string[] = []): Promise<Page> {
  const page = await openPage(browser, url, problems)
  open.push(page)
  await page.click('[data-conversation="app:zhangsan"]')
  return page
}

type Frame = { readonly stream: { readonly id: string; readonly content: string; readonly finish: boolean } }

test('demo: a typed message is answered in a streaming bubble', async () => {
  const { daemon, url, opened } = await openDemo()
  const problems: string[] = []
  const page = await openPage(browser, url, problems)
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
  // The official library has decrypted each body above. These are the frames of one stream, in order.
  const frames = [message, ...refreshes].map(one => one?.reply as unknown as Frame).map(frame => frame.stream)
  expect(new Set(frames.map(frame => frame.id)).size).toBe(1)
  const growing = [...new Set(frames.map(frame => frame.content).filter(content => answer.startsWith(content)))]
  expect(growing.length).toBeGreaterThanOrEqual(3)
  expect(growing.map(text => text.length)).toEqual(growing.map(text => text.length).toSorted((a, b) => a - b))
  expect(frames.at(-1)).toMatchObject({ content: answer, finish: true })
  for (const { callback } of refreshes)
    expect(callback).toMatchObject({ msgtype: 'stream', stream: { id: frames[0]?.id } })
  expect([problems, daemon.tenant.violations()]).toEqual([[], []])
})

test('demo: a group message is answered in the group', async () => {
  const { daemon, url, opened } = await openDemo()
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
  expect(daemon.gateway.asks().map(ask => ask.text)).toEqual(['[lisi]\n总结一下'])
  await page.click('[data-conversation="zhangsan"]')
  expect(await page.locator('.row').count()).toBe(0)
  expect(daemon.tenant.violations()).toEqual([])
})

test('demo: the page fits a narrow window and its panel can be closed', async () => {
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

test('demo: a message to the app is answered by the app', async () => {
  const { daemon, url, openedXml } = await openDemo({ agent: { welcomeText: '欢迎 <b>你</b>' } })
  const problems: string[] = []
  const page = await openApp(url, problems)
  await page.waitForSelector('.sent')
  await page.click('text=应用试一试')
  const answer = page.locator('.sent').nth(1)
  await answer.waitFor()
  const shown = await page.locator('#log .bubble').allTextContents()
  expect(shown).toEqual(['欢迎 <b>你</b>', '应用试一试', echoAnswer('应用试一试')])
  const [entered, said] = openedXml()
  expect(entered).toMatchObject({ receiveId: appOf.corpId, xml: expect.stringContaining('<![CDATA[enter_agent]]>') })
  expect(said).toMatchObject({ receiveId: appOf.corpId, xml: expect.stringContaining('<![CDATA[应用试一试]]>') })
  await page.reload()
  await page.click('[data-conversation="app:zhangsan"]')
  await answer.waitFor()
  expect(await page.locator('#log .bubble').allTextContents()).toEqual(shown)
  await page.click('[data-conversation="zhangsan"]')
  expect(await page.locator('.row').count()).toBe(0)
  expect([problems, daemon.tenant.violations()]).toEqual([[], []])
})

test('demo: long answers of the app are split or sent as a file', async () => {
  const { daemon, url } = await openDemo()
  const page = await openApp(url)
  await say(page, '[big 5000]')
  await page.locator('.sent .bubble').getByText('(3/3)').waitFor()
  const parts = await page.locator('.sent .bubble').allTextContents()
  expect(parts.map(part => part.slice(0, 6))).toEqual(['(1/3)\n', '(2/3)\n', '(3/3)\n'])
  expect(parts.map(part => part.slice(6)).join('')).toBe(bigAnswer(5000))

  await say(page, '[big 30000]')
  const chip = page.locator('a.file')
  await chip.waitFor()
  expect(await chip.textContent()).toBe('全文.md29.3 KB')
  const [download] = await Promise.all([page.waitForEvent('download'), chip.click()])
  expect(download.suggestedFilename()).toBe('全文.md')
  const served = await fetch(new URL((await chip.getAttribute('href')) ?? '', url))
  expect(await served.text()).toBe(bigAnswer(30_000))
  expect(served.headers.get('content-disposition')).toStartWith('attachment;')
  expect(served.headers.get('content-security-policy')).toContain('sandbox')
  expect((await fetch(served.url, { headers: { origin: 'http://evil.example' } })).status).toBe(403)
  expect((await fetch(new URL('/file/0000', url))).status).toBe(404)
  expect(daemon.tenant.violations()).toEqual([])
})

test('demo: an answer too slow for the bubble is sent by the app', async () => {
  const windowMs = 3_000
  const { daemon, url } = await openDemo({ tenant: { windowMs }, bot: { stream: { windowMs, handoverMs: 2_000 } } })
  const page = await openPage(browser, url)
  open.push(page)
  await say(page, '[slow 1500] 想一想')
  await page.waitForSelector('.bot [data-state="finished"]')
  expect(await page.locator('.bot .bubble').textContent()).toBe('⏳ 还没有完成，完整的回答稍后会单独发给你。')
  await page.waitForSelector('[data-conversation="app:zhangsan"] .unread')
  await page.click('[data-conversation="app:zhangsan"]')
  expect(await page.locator('#log .bubble').allTextContents()).toEqual([echoAnswer('想一想')])
  expect(daemon.tenant.violations()).toEqual([])
})

test('demo: proactive messages, cards and robot messages are shown', async () => {
  const { daemon, url } = await openDemo()
  const page = await openApp(url)
  const card = {
    card_type: 'text_notice',
    main_title: { title: '磁盘 <script>alert(1)</script>', desc: '使用率 91%' },
    horizontal_content_list: [{ keyname: '主机', value: 'db-1' }],
    card_action: { type: 1, url: 'https://example.com/' },
  }
  expect((await daemon.send({ to: 'user:zhangsan', card })).status).toBe(202)
  const lines = page.locator('.sent.app .card')
  await lines.waitFor()
  expect(await lines.locator('> *').allTextContents()).toEqual([
    '磁盘 <script>alert(1)</script>',
    '使用率 91%',
    '主机：db-1',
  ])
  const refused = await daemon.send({ to: 'user:nobody', text: 'x' })
  await daemon.delivered(refused.answer.id ?? '')
  await daemon.send({ to: 'webhook:ops', markdown: '**91%** <i>' })
  await page.waitForSelector('[data-conversation="wrPlayground01"] .unread')
  await page.click('[data-conversation="wrPlayground01"]')
  expect(await page.locator('.sent.robot .bubble').allTextContents()).toEqual(['**91%** <i>'])

  const cells = await page.locator('#wire-rows .api .kind, #wire-rows .api code').allTextContents()
  const calls = cells.map((cell, index) => `${cell} ${cells[index + 1]}`).filter((_, index) => index % 2 === 0)
  expect(calls.toReversed()).toEqual([
    '← API gettoken errcode 0',
    '← API message/send errcode 0',
    '← API message/send errcode 81013',
    '← API webhook/send errcode 0',
  ])
  expect(await page.locator('#wire-rows .bad').count()).toBe(1)
  expect(daemon.tenant.violations()).toEqual([])
})

/** Runs `wecomd demo` and the command that it prints, and stops it. */
async function tryDemo(program: readonly string[], signal: 'SIGTERM' | 'SIGHUP'): Promise<void> {
  const temporary = mkdtempSync(join(tmpdir(), 'wecomd-demo test-'))
  open.push({ close: () => rmSync(temporary, { recursive: true, force: true }) })
  const env = { PATH: process.env.PATH ?? '', TMPDIR: temporary }
  const child = Bun.spawn([...program, 'demo', '--port', '0'], {
    cwd: temporary,
    env,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  open.push({ close: () => child.kill('SIGKILL') })
  let printed = ''
  const read = (async () => {
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) printed += chunk
  })()
  const command = await until('the line to paste', () => /^(.* send --url .*)\n/m.exec(printed)?.[1])
  const page = await openPage(browser, /open (http:\/\/127\.0\.0\.1:\d+\/) /.exec(printed)?.[1] ?? '')
  open.push(page)
  await say(page, 'hello')
  await page.waitForSelector('.bot [data-state="finished"]')
  expect(await page.locator('.bot .bubble').textContent()).toBe(echoAnswer('hello'))

  await say(page, '/status')
  await page.locator('.bot .bubble').getByText('OpenClaw').waitFor()
  await page.click('[data-conversation="lisi"]')
  await say(page, '/status')
  await page.locator('.bot .bubble').getByText('lisi').waitFor()
  expect(await page.locator('.bot .bubble').textContent()).toContain('没有使用命令的权限')

  const sent = Bun.spawn(['sh', '-c', command], { cwd: '/', env, stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
  expect(await sent.stdout.text()).toEndWith('\ndelivered\n')
  await page.click('[data-conversation="app:zhangsan"]')
  await page.locator('.sent .bubble').getByText('你好', { exact: true }).waitFor()
  expect(readdirSync(temporary)).toHaveLength(1)
  child.kill(signal)
  expect(await child.exited).toBe(0)
  await read
  expect(existsSync(temporary) && readdirSync(temporary)).toEqual([])
}

test('demo: the binary prints its page and a command, and cleans up', async () => {
  await tryDemo([await buildBinary()], 'SIGTERM')
})

test('demo: the source does the same, also when its terminal closes', async () => {
  await tryDemo([process.execPath, join(root, 'src/main.ts')], 'SIGHUP')
})
