import { type Browser, chromium, type Page } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const flags =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'

/** The system's Chromium with a profile of its own; a machine without one fails the test and is told why. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = names.map(name => Bun.which(name)).find(path => path !== null)
  if (executablePath === undefined) {
    throw new Error(`Chromium is missing (looked for ${names.join(', ')}): install it, e.g. apt-get install chromium`)
  }
  return await chromium.launch({ executablePath, args: flags.split(' ') })
}

/** Opens the playground's page and waits until it knows its conversations; what the page complains about goes to `complaints`. */
export async function openPage(browser: Browser, url: string, complaints: string[] = []): Promise<Page> {
  const page = await browser.newPage()
  page.on('console', message => void complaints.push(message.text()))
  page.on('pageerror', error => void complaints.push(String(error)))
  await page.goto(url)
  await page.waitForSelector('[data-conversation="zhangsan"]')
  return page
}

/** Types a message and sends it with Enter, as a person does. */
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

/** Every different text that the bot's first bubble shows from now on, until it is finished. */
export async function watchBubble(page: Page): Promise<() => Promise<readonly string[]>> {
  await page.evaluate(watchScript)
  return async () => {
    await page.waitForSelector('.bot [data-state="finished"]')
    return await page.evaluate<readonly string[]>('seenInBubble')
  }
}
