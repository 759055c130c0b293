import { parseArgs } from 'node:util'
import { keepAsking } from './connections.ts'
import { askFrame, formatRequest, nextMessage, refreshOf } from './requests.ts'

// A separate process, so that it can have its own core. Prints one line of JSON.
const { values } = parseArgs({
  options: {
    url: { type: 'string', default: '' },
    connections: { type: 'string', default: '1' },
    seconds: { type: 'string', default: 'Infinity' },
    requests: { type: 'string', default: 'Infinity' },
    bubbles: { type: 'string', default: '0' },
  },
})
const { url } = values
const { pathname } = new URL(url)
const until = { seconds: Number(values.seconds), requests: Number(values.requests) }

const streams: string[] = []
while (streams.length < Number(values.bubbles)) {
  const frames = await Promise.all(Array.from({ length: 50 }, () => askFrame(url, nextMessage())))
  streams.push(...frames.map(frame => frame.id))
}

let asked = 0
const payload = () => {
  const stream = streams[asked++ % streams.length]
  return stream === undefined ? nextMessage() : refreshOf(stream)
}
const nextRequest = () => formatRequest(pathname, payload())
console.log(JSON.stringify(await keepAsking(url, Number(values.connections), until, nextRequest, 200)))
