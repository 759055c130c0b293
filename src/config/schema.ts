import { type Static, Type } from '@sinclair/typebox'
import { channel } from './channel.ts'
import { agentId, boolean, path, port, section, string, stringList, integer } from './keys.ts'
import { noticeTextKeys } from './notice-texts.ts'

export const defaultTimezone = 'Asia/Shanghai'

const binding = Type.Object(
  {
    agentId: agentId('Agent that answers.'),
    match: Type.Object(
      {
        channel: Type.Literal('wecom', { description: 'Bindings of other channels are ignored.' }),
        accountId: Type.Optional(string('Account to match; unset or `*` matches every account.')),
        peer: Type.Optional(
          Type.Object(
            {
              kind: Type.Union([Type.Literal('direct'), Type.Literal('group')], {
                description: 'A chat with one user, or a group.',
              }),
              id: string('User id or chatid; `*` matches every one of this kind.', { coerce: true }),
            },
            { ...section, description: 'Limits the binding to one user or group.' },
          ),
        ),
      },
      { ...section, description: 'The conversations to which the binding applies.' },
    ),
  },
  section,
)

const server = Type.Object(
  {
    host: string('Address to listen on.', { default: '0.0.0.0', valueKind: 'host' }),
    port: port('Port to listen on; 0 picks a free port.', 8780),
    publicUrl: Type.Optional(
      string('URL at which WeCom reaches this listener.', {
        pattern: '^https?://[^\\s/]',
        expects: 'an http:// or https:// URL',
        valueKind: 'url',
        unimplemented: true,
      }),
    ),
  },
  { ...section, description: 'The public listener. It serves callbacks only.' },
)

const admin = Type.Object(
  {
    host: string('Address to listen on.', { default: '127.0.0.1', valueKind: 'host' }),
    port: port('Port to listen on; 0 picks a free port.', 8781),
    token: Type.Optional(
      string('Bearer token of the API. If unset, one is generated and stored in `stateDir/admin-token`.', {
        secret: true,
        valueKind: 'passphrase',
        sample: `\${WECOMD_ADMIN_TOKEN}`,
      }),
    ),
    mediaRoots: Type.Array(path('A folder.', { contents: 'folder' }), {
      default: [],
      description: 'Folders from which `POST /api/send` may read files.',
    }),
  },
  { ...section, description: 'The private listener. It serves health checks, metrics and the API.' },
)

const gateway = Type.Object(
  {
    url: string('WebSocket address of the OpenClaw gateway.', {
      default: 'ws://127.0.0.1:18789',
      pattern: '^wss?://[^\\s/]',
      expects: 'a ws:// or wss:// URL',
      valueKind: 'url',
    }),
    token: Type.Optional(
      string('Token of the gateway.', {
        secret: true,
        valueKind: 'gatewayToken',
        example: `\${OPENCLAW_GATEWAY_TOKEN}`,
      }),
    ),
    password: Type.Optional(
      string('Password of the gateway, if it uses one instead of a token.', { secret: true, valueKind: 'passphrase' }),
    ),
    deviceToken: Type.Optional(
      string('Token of an already paired device.', {
        secret: true,
        valueKind: 'credential',
        sample: `\${OPENCLAW_DEVICE_TOKEN}`,
      }),
    ),
    caFile: Type.Optional(
      path('PEM file with the CA of a `wss://` gateway.', { sample: 'gateway-ca.pem', contents: 'certificates' }),
    ),
    agentId: agentId('Agent that answers if no binding matches.', { default: 'main' }),
    runTimeoutMs: integer('Timeout of an agent run. The run is then aborted and the user notified.', 3_600_000, {
      minimum: 1000,
    }),
    maxRuns: integer('Maximum number of concurrent runs.', 64),
  },
  { ...section, description: 'The OpenClaw gateway.' },
)

const limits = Type.Object(
  {
    openTurns: integer('Maximum number of open turns. Further messages get the busy notice.', 2000),
    perUserPerMinute: integer('Messages per user and minute. Further messages get the busy notice.', 20),
    askWithinMs: integer('How long a question waits for the gateway before it expires.', 21_600_000),
    deliverWithinMs: integer('How long a delivery is retried before it becomes a dead letter.', 86_400_000),
    outbox: integer('Maximum number of queued deliveries. Beyond it, `POST /api/send` is rejected.', 100_000),
  },
  { ...section, description: 'Limits on queues and retries.' },
)

/** The whole config file. Types, defaults, validation, `docs/config.md`, the JSON Schema and the example are derived from it. */
export const schema = Type.Object(
  {
    channels: Type.Object({ wecom: channel }, { ...section, description: 'Channels.' }),
    bindings: Type.Array(binding, {
      default: [],
      description:
        'Which agent answers which conversations, in the format of OpenClaw. The most specific match wins (one peer, then every peer of a kind, then an account, then the channel). On each level a binding for one account precedes one for every account; among equals the first wins. If no binding matches, `gateway.agentId` answers.',
    }),
    server,
    admin,
    gateway,
    store: Type.Object(
      {
        url: string('`sqlite:FILE` in `stateDir`, or `postgres://…` for several nodes.', {
          default: 'sqlite:wecomd.db',
          pattern: '^(?:sqlite:.|postgres(?:ql)?://.)',
          expects: 'sqlite:FILE or a postgres:// URL',
          secret: true,
          unimplemented: '^postgres',
        }),
      },
      { ...section, description: 'The database for turns and deliveries.' },
    ),
    stateDir: Type.Optional(
      path(
        'Folder for the device key, the database and the generated admin token. If unset, the first of these: `$STATE_DIRECTORY`; `/var/lib/wecomd` if writable; `$XDG_STATE_HOME/wecomd`; `~/.local/state/wecomd`.',
        { sample: '/var/lib/wecomd' },
      ),
    ),
    schedule: Type.Optional(
      path('The cron file. If unset: `schedule.json5` in the folder of this file, if it exists.', {
        unimplemented: true,
      }),
    ),
    timezone: string('IANA time zone for schedules and daily greetings.', { default: defaultTimezone }),
    language: Type.Union([Type.Literal('zh-CN'), Type.Literal('en')], {
      default: 'zh-CN',
      description: 'Language of notices to users.',
    }),
    texts: noticeTextKeys(
      'Custom texts of notices to users, at most 500 characters each. The list shows the default texts (`zh-CN` / `en`) and the available placeholders. Placeholders such as `{name}` are optional. Write `{{` for a literal brace. A text of an account overrides one set here.',
      { sample: { failed: '⚠️ 出错了，请联系 IT 服务台。' } },
    ),
    commands: Type.Object(
      {
        pass: stringList(
          'Slash commands passed to the gateway, from users with access to commands.',
          ['status', 'model', 'think', 'compact', 'usage'],
          {
            pattern: '^[/／]?[A-Za-z][A-Za-z0-9_-]{0,31}$',
            expects: 'a command name such as "status": a letter, then at most 31 letters, digits, "_" or "-"',
          },
        ),
      },
      { ...section, description: 'Slash commands.' },
    ),
    log: Type.Object(
      {
        level: Type.Union([Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')], {
          default: 'info',
          description: 'Lowest level to log.',
        }),
        format: Type.Optional(
          Type.Union([Type.Literal('json'), Type.Literal('pretty')], {
            description: 'Output format. If unset: `pretty` on a terminal, otherwise `json` lines.',
            sample: 'json',
          }),
        ),
        content: boolean('Also log message texts and user ids. For debugging only.', false, { unimplemented: true }),
      },
      { ...section, description: 'Logging.' },
    ),
    limits,
    retention: Type.Object(
      {
        contentDays: integer('Days until the content of a finished turn is erased.', 7),
        rowDays: integer('Days until a finished turn is deleted.', 30),
      },
      { ...section, description: 'How long data is kept.' },
    ),
    plugin: Type.Object(
      {
        secret: Type.Optional(string('Secret shared with the companion plugin.', { secret: true })),
        listen: Type.Optional(string('Address on which wecomd accepts the plugin.')),
      },
      { ...section, description: 'The companion plugin for OpenClaw.', unimplemented: true },
    ),
    outbound: Type.Object(
      { allowBroadcast: boolean('Allow messages to `@all`.', false) },
      { ...section, description: 'Messages that wecomd sends without a question.' },
    ),
    alerts: Type.Object(
      { to: Type.Optional(string('Target that receives alerts.')) },
      { ...section, description: 'Alerts for the administrator.', unimplemented: true },
    ),
  },
  { ...section, description: 'Configuration of wecomd.' },
)

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T

/** The config file after reading, with variables, secrets and defaults filled in. */
export type Settings = Frozen<Static<typeof schema>>
