import { test as anyTest } from 'bun:test'
import { type Browser, chromium, type Page } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const flags =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'

/** Set by `bun run test` where Chromium is missing and can't be installed. */
export const withoutChromium = process.env.WECOMD_SKIP_CHROMIUM === '1'

/** A test that needs Chromium. */
export const test = anyTest.skipIf(withoutChromium)

/** Starts the installed Chromium with a new profile. Throws with an explanation if there is none. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = names.map(name => Bun.which(name)).find(path => path !== null)
  if (executablePath === undefined) {
    throw new Error(`Chromium is missing (looked for ${names.join(', ')}): install it, e.g. apt-get install chromium`)
  }
  // Chromium names a download after the locale's idea of its characters, and without LANG it has none.
  const env = { ...process.env, LANG: 'C.UTF-8' }
  return await chromium.launch({ executablePath, args: flags.split(' '), env })
}

/** Opens the page and waits for its conversations. Console messages and errors of the page are added to `problems`. */
export async function openPage(browser: Browser, url: string, problems: string[] = []): Promise<Page> {
  const page = await browser.newPage()
  page.on('console', message => void problems.push(message.text()))
  page.on('pageerror', error => void problems.push(String(error)))
  await page.goto(url)
  await page.waitForSelector('[data-conversation="zhangsan"]')
  return page
}

/** Types a message and sends it with Enter. */
export async function say(page: Page, text: string): Promise<void> {
  await page.click('#text')
  await page.keyboard.type(text)
  await page.keyboard.press('Enter')
}

/** Runs in the page. */
const watchScript = `
  globalThis.seenInBubble = []
  new MutationObserver(() => {
    const text = document.querySelector('.bot .bubble')?.textContent ?? ''
    if (seenInBubble.at(-1) !== text) seenInBubble.push(text)
  }).observe(document.body, { subtree: true, childList: true, characterData: true })`

/** Records every distinct text of the bot's first bubble until it is finished. */
export async function watchBubble(page: Page): Promise<() => Promise<readonly string[]>> {
  await page.evaluate(watchScript)
  return async () => {
    await page.waitForSelector('.bot [data-state="finished"]')
    return await page.evaluate<readonly string[]>('seenInBubble')
  }
}
