import { askFrame, nextMessage, refreshOf } from './requests.ts'

// A separate process, so that it can have its own core: URL, messages, users in; one line of JSON out.
const [url = '', messages = '1', users = '1'] = process.argv.slice(2)
let left = Number(messages)
let refreshes = 0

/** Fetches frames once a second until the last one, as a client does. */
async function chat(): Promise<void> {
  while (left-- > 0) {
    let frame = await askFrame(url, nextMessage('你好'))
    while (!frame.finish) {
      await Bun.sleep(1_000)
      frame = await askFrame(url, refreshOf(frame.id))
      refreshes++
    }
  }
}

await Promise.all(Array.from({ length: Number(users) }, chat))
console.log(JSON.stringify({ refreshes }))
