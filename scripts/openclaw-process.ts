import { type ChildProcess, spawn } from 'node:child_process'
import { delimiter, dirname, join } from 'node:path'

const readyWithinMs = 180_000

/** One gateway process over one state folder; started and stopped again and again, never outliving this process. */
export class GatewayProcess {
  printed = ''
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  readonly #janitor: ChildProcess

  constructor(
    private readonly installed: { readonly node: string; readonly entry: string; readonly folder: string },
    private readonly folder: string,
    private readonly port: number,
    private readonly extraEnv: Readonly<Record<string, string>>,
  ) {
    this.#janitor = spawn('sh', ['-c', janitor, folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
    this.#janitor.unref()
  }

  async start(url: string, token: string): Promise<void> {
    if (this.#child) throw new Error('the gateway is already running')
    const args = [this.installed.entry, 'gateway', 'run', '--port', String(this.port)]
    // A group of its own, so that what the gateway starts goes with it.
    const child = spawn(this.installed.node, args, { cwd: this.folder, env: this.env(), detached: true, stdio: 'pipe' })
    this.#child = child
    this.#janitor.stdin?.write(`${child.pid}\n`)
    child.stdout.on('data', (bytes: Buffer) => (this.printed += bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => (this.printed += bytes.toString()))
    this.#ended = new Promise(resolve => child.once('exit', () => resolve()))
    void this.#ended.then(() => {
      killGroup(child)
      this.#janitor.stdin?.write('\n')
      this.#child = undefined
    })
    const until = Date.now() + readyWithinMs
    while (!(await answersConnect(url, token))) {
      if (this.#child === child && Date.now() < until) await Bun.sleep(200)
      else throw new Error(`the gateway did not come up; it printed:\n${this.printed.slice(-4000)}`)
    }
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (signal === 'SIGTERM') this.#child?.kill(signal)
    else if (this.#child) killGroup(this.#child)
    await this.#ended
  }

  /** Ends the gateway and removes its folder; there is no start after this. */
  async remove(): Promise<void> {
    const gone = new Promise(resolve => this.#janitor.once('exit', resolve))
    this.#janitor.ref()
    this.#janitor.stdin?.end()
    await gone
  }

  async cli(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const child = Bun.spawn([this.installed.node, this.installed.entry, ...args], {
      cwd: this.folder,
      env: this.env(),
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
    return { code, stdout, stderr }
  }

  private env(): Record<string, string> {
    return {
      HOME: join(this.folder, 'home'),
      TMPDIR: join(this.folder, 'tmp'),
      PATH: `${dirname(this.installed.node)}${delimiter}${process.env.PATH ?? ''}`,
      LANG: process.env.LANG ?? 'C.UTF-8',
      OPENCLAW_STATE_DIR: join(this.folder, 'state'),
      OPENCLAW_CONFIG_PATH: join(this.folder, 'openclaw.json'),
      OPENCLAW_NO_RESPAWN: '1',
      NODE_COMPILE_CACHE: join(this.installed.folder, 'compile-cache'),
      // Else the launcher starts itself once more with another cache folder, as a child.
      OPENCLAW_PACKAGED_COMPILE_CACHE_RESPAWNED: '1',
      ...this.extraEnv,
    }
  }
}

/**
 * Waits for the end of its input, which comes however we end, even killed; then ends the group named last and removes
 * the folder, twice, since a child of the gateway with a group of its own writes its last words when it is orphaned.
 */
const janitor = `
while read -r group; do last=$group; done
[ -z "$last" ] || kill -s KILL -- "-$last"
for pause in 0.2 1; do sleep $pause; rm -rf "$0"; done`

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ESRCH') throw error
  }
}

/** True when `connect` with the shared token succeeds; false while nothing listens or the gateway is still starting. */
function answersConnect(url: string, token: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url)
    const client = {
      id: 'gateway-client',
      displayName: 'wecomd test',
      version: '0',
      platform: 'linux',
      mode: 'backend',
    }
    const params = { minProtocol: 3, maxProtocol: 4, client, role: 'operator', scopes: [], caps: [], auth: { token } }
    socket.addEventListener('close', () => resolve(false))
    socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
      const frame: { type: string; ok?: boolean; error?: { code: string; message: string } } = JSON.parse(data)
      if (frame.type === 'event') socket.send(JSON.stringify({ type: 'req', id: 'ready', method: 'connect', params }))
      if (frame.type !== 'res') return
      if (frame.ok) resolve(true)
      else if (frame.error?.code === 'UNAVAILABLE') resolve(false)
      else reject(new Error(`the gateway refused to connect: ${frame.error?.message}`))
      socket.close()
    })
  })
}
