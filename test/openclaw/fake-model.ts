/**
 * One request to the fake model. `prompt` is the user's last text as the model receives it; `said` is the same without
 * the time and the runtime facts that the gateway adds.
 */
export interface ModelRequest {
  /** Its place among all requests. */
  readonly number: number
  readonly model: string
  readonly prompt: string
  readonly said: string
  readonly system: string
  readonly tools: readonly string[]
  readonly messages: readonly ModelMessage[]
  /** True when the gateway disconnected before the answer was complete. */
  aborted: boolean
}

export interface ModelMessage {
  readonly role: string
  readonly text: string
  readonly images: number
}

/**
 * An OpenAI-compatible model on a free loopback port, without network access. Words in the prompt select its behaviour:
 * `[long N MS]` N words, one every MS · `[fail]` HTTP 500 · `[fail N]` HTTP status N · `[hang]` one word, then nothing ·
 * `[cut]` one word, then the connection breaks · `[mute]` nothing · `[tool NAME {json}]` a tool call, then its result · `[empty]` never any text · `[big N]` N bytes ·
 * `[say TEXT]` that text · otherwise it echoes the text.
 */
export interface FakeModel {
  readonly url: string
  readonly port: number
  readonly requests: ModelRequest[]
  close(): Promise<void>
}

type Plan =
  | { readonly kind: 'refuse'; readonly status: number }
  | { readonly kind: 'tool'; readonly name: string; readonly args: string }
  | { readonly kind: 'cut' }
  | { readonly kind: 'text'; readonly words: readonly string[]; readonly pauseMs: number; readonly endless: boolean }

interface Body {
  readonly model: string
  readonly messages: readonly { readonly role: string; readonly content: unknown }[]
  readonly tools?: readonly { readonly function?: { readonly name?: string } }[]
}

const internalContext = '<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>'

export async function startFakeModel(port = 0): Promise<FakeModel> {
  const requests: ModelRequest[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url)
      if (pathname.endsWith('/models'))
        return Response.json({ object: 'list', data: [{ id: 'fake-1', object: 'model' }] })
      if (!pathname.endsWith('/chat/completions')) return new Response(null, { status: 404 })
      const seen = readRequest((await request.json()) as Body, requests.length + 1)
      requests.push(seen)
      return answer(seen, request.signal)
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}/v1`,
    port: server.port ?? port,
    requests,
    close: () => server.stop(true),
  }
}

function readRequest(body: Body, number: number): ModelRequest {
  const all = body.messages.map(({ role, content }) => ({ role, text: textOf(content), images: imagesOf(content) }))
  // The gateway appends a message of its own to every request. It is not the user's text.
  const messages = all.filter(message => !(message.role === 'user' && message.text.startsWith(internalContext)))
  const prompt = messages.findLast(message => message.role === 'user')?.text ?? ''
  return {
    number,
    model: body.model,
    prompt,
    said: prompt.replace(/^\[\w{3} [\d-]+ [\d:]+ \w+\] /, '').replace(/\n\nRuntime: [^\n]*\bagent=[^\n]*$/, ''),
    system: messages.find(message => message.role === 'system' || message.role === 'developer')?.text ?? '',
    tools: (body.tools ?? []).flatMap(tool => tool.function?.name ?? []),
    messages,
    aborted: false,
  }
}

function partsOf(content: unknown): readonly { type?: string; text?: string }[] {
  return Array.isArray(content) ? content : []
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  return partsOf(content)
    .flatMap(part => (part.type === 'text' ? (part.text ?? '') : []))
    .join('\n')
}

function imagesOf(content: unknown): number {
  return partsOf(content).filter(part => part.type === 'image_url').length
}

function answer(request: ModelRequest, signal: AbortSignal): Response {
  const plan = planFor(request)
  if (plan.kind === 'refuse') {
    const type = plan.status < 500 ? 'invalid_request_error' : 'server_error'
    const error = { message: 'the fake model refuses', type }
    return Response.json({ error }, { status: plan.status })
  }
  return new Response(streamOf(plan, request, signal), { headers: { 'content-type': 'text/event-stream' } })
}

function planFor({ prompt, said, messages }: ModelRequest): Plan {
  const last = messages.at(-1)
  const failure = /\[fail (\d{3})\]/.exec(prompt)
  if (failure) return { kind: 'refuse', status: Number(failure[1]) }
  if (prompt.includes('[fail]')) return { kind: 'refuse', status: 500 }
  if (last?.role === 'tool') return text([`Tool finished, result was: ${last.text.slice(0, 200)}`])
  const tool = /\[tool (\w+) (\{.*\})\]/s.exec(prompt)
  if (tool?.[1] && tool[2]) return { kind: 'tool', name: tool[1], args: tool[2] }
  const long = /\[long (\d+) (\d+)\]/.exec(prompt)
  if (long) return text(wordsOf(Number(long[1])), Number(long[2]))
  const big = /\[big (\d+)\]/.exec(prompt)
  if (big) return text(slicesOf('0123456789'.repeat(Math.ceil(Number(big[1]) / 10)).slice(0, Number(big[1]))))
  if (prompt.includes('[hang]')) return text(['partial '], 0, true)
  if (prompt.includes('[cut]')) return { kind: 'cut' }
  if (prompt.includes('[mute]')) return text([], 0, true)
  if (askedAgain(messages).includes('[empty]')) return text([])
  const say = /\[say ([^\]]*)\]/.exec(prompt)
  return text([say?.[1] ?? `echo: ${said}`])
}

/** The user's last text, even when the gateway asks for a missing answer a second time. */
function askedAgain(messages: readonly ModelMessage[]): string {
  const said = messages.filter(
    message => message.role === 'user' && !message.text.includes('The previous attempt did not'),
  )
  return said.at(-1)?.text ?? ''
}

function text(words: readonly string[], pauseMs = 0, endless = false): Plan {
  return { kind: 'text', words, pauseMs, endless }
}

function wordsOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => (index + 1 < count ? `tok${index} ` : `tok${index}`))
}

function slicesOf(text: string): string[] {
  return text.match(/[^]{1,4096}/g) ?? []
}

function streamOf(plan: Exclude<Plan, { kind: 'refuse' }>, request: ModelRequest, signal: AbortSignal) {
  return new ReadableStream<Uint8Array>({
    async start(sink) {
      let ended = false
      signal.addEventListener('abort', () => {
        request.aborted = !ended
      })
      const write = (delta: object, finish: string | null = null) => {
        if (!signal.aborted) sink.enqueue(encodeEvent(chunkOf([{ index: 0, delta, finish_reason: finish }])))
      }
      write({ role: 'assistant', content: '' })
      if (plan.kind === 'tool') {
        const call = {
          index: 0,
          id: `call_${request.number}`,
          type: 'function',
          function: { name: plan.name, arguments: plan.args },
        }
        write({ tool_calls: [call] })
        write({}, 'tool_calls')
      } else if (plan.kind === 'cut') {
        write({ content: 'partial ' })
        return sink.close()
      } else {
        await speak(plan.words, plan.pauseMs, word => write({ content: word }), signal)
        if (plan.endless) await untilAborted(signal)
        write({}, 'stop')
      }
      ended = true
      if (signal.aborted) return
      const usage = { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 }
      sink.enqueue(encodeEvent({ ...chunkOf([]), usage }))
      sink.enqueue(new TextEncoder().encode('data: [DONE]\n\n'))
      sink.close()
    },
  })
}

async function speak(words: readonly string[], pauseMs: number, say: (word: string) => void, signal: AbortSignal) {
  for (const word of words) {
    if (signal.aborted) return
    say(word)
    if (pauseMs > 0) await Bun.sleep(pauseMs)
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve())
  })
}

function chunkOf(choices: readonly object[]) {
  return { id: 'chatcmpl-fake', object: 'chat.completion.chunk', created: 0, model: 'fake-1', choices }
}

function encodeEvent(event: object): Uint8Array {
  return new TextEncoder().encode(`data: ${JSON.stringify(event)}\n\n`)
}
