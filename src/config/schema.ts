import { type Static, Type } from '@sinclair/typebox'
import { channel } from './channel.ts'
import { agent, flag, path, port, section, text, texts, whole } from './keys.ts'
import { noticeTextKeys } from './notice-texts.ts'

const binding = Type.Object(
  {
    agentId: agent('Agent of the gateway that answers.'),
    match: Type.Object(
      {
        channel: Type.Literal('wecom', { description: 'Bindings of other channels are ignored.' }),
        accountId: Type.Optional(text('Only this account; `*`, or nothing, is every one.')),
        peer: Type.Optional(
          Type.Object(
            {
              kind: Type.Union([Type.Literal('direct'), Type.Literal('group')], {
                description: 'A chat with one user, or a group.',
              }),
              id: text('User id or chatid; `*` is every one of the kind.', { coerce: true }),
            },
            { ...section, description: 'Only this conversation.' },
          ),
        ),
      },
      { ...section, description: 'Which conversations.' },
    ),
  },
  section,
)

const server = Type.Object(
  {
    host: text('Address to listen on.', { default: '0.0.0.0' }),
    port: port('Port to listen on; 0 takes a free one.', 8780),
    publicUrl: Type.Optional(
      text('How WeCom reaches this listener from outside.', {
        pattern: '^https?://[^\\s/]',
        expects: 'an http:// or https:// URL',
        unbuilt: true,
      }),
    ),
  },
  { ...section, description: 'The public listener: callbacks and nothing else.' },
)

const admin = Type.Object(
  {
    host: text('Address to listen on.', { default: '127.0.0.1' }),
    port: port('Port to listen on; 0 takes a free one.', 8781),
    token: Type.Optional(
      text('Bearer token of the API. Without it one is generated into `stateDir/admin-token`.', {
        secret: true,
        sample: `\${WECOMD_ADMIN_TOKEN}`,
      }),
    ),
    mediaRoots: Type.Array(path('A folder.', { holds: 'folder' }), {
      default: [],
      description: 'Folders that `POST /api/send` may take files from.',
    }),
  },
  { ...section, description: 'The private listener: health, metrics, API.' },
)

const gateway = Type.Object(
  {
    url: text('WebSocket address of the OpenClaw gateway.', {
      default: 'ws://127.0.0.1:18789',
      pattern: '^wss?://[^\\s/]',
      expects: 'a ws:// or wss:// URL',
    }),
    token: Type.Optional(text('Token of the gateway.', { secret: true, example: `\${OPENCLAW_GATEWAY_TOKEN}` })),
    password: Type.Optional(text('Password of the gateway, where it has no token.', { secret: true })),
    deviceToken: Type.Optional(text('Token of an already paired device.', { secret: true })),
    caFile: Type.Optional(
      path('PEM file with the authority of a `wss://` gateway.', { sample: 'gateway-ca.pem', holds: 'certificates' }),
    ),
    agentId: agent('Agent that answers where no binding says otherwise.', { default: 'main' }),
    runTimeoutMs: whole('Longest run of an agent; then it is aborted with a sentence.', 3_600_000, { minimum: 1000 }),
    maxRuns: whole('Runs at the same time.', 64),
  },
  { ...section, description: 'The OpenClaw gateway.' },
)

const limits = Type.Object(
  {
    openTurns: whole('Open turns at which new messages get the busy sentence.', 2000),
    perUserPerMinute: whole('Messages of one user in a minute; further ones get the busy sentence.', 20),
    askWithinMs: whole('Longest time that a question waits for the gateway.', 21_600_000),
    deliverWithinMs: whole('Longest time that a delivery is tried.', 86_400_000),
    outbox: whole('Deliveries waiting at which scripts are refused.', 100_000),
  },
  { ...section, description: 'Bounds of everything that could grow.' },
)

/** The whole config file. Types, defaults, validation, `docs/config.md`, JSON Schema and the example come from here. */
export const schema = Type.Object(
  {
    channels: Type.Object({ wecom: channel }, { ...section, description: 'Channels.' }),
    bindings: Type.Array(binding, {
      default: [],
      description:
        'Which agent answers whom, in the shape of OpenClaw. The most specific match wins: a peer, every peer of a kind, an account, the channel; each of one account before all accounts; of equal ones the first. Without a match `gateway.agentId` answers.',
    }),
    server,
    admin,
    gateway,
    store: Type.Object(
      {
        url: text('`sqlite:FILE` (in `stateDir`), or `postgres://…` for several nodes.', {
          default: 'sqlite:wecomd.db',
          pattern: '^(?:sqlite:.|postgres(?:ql)?://.)',
          expects: 'sqlite:FILE or a postgres:// URL',
          secret: true,
          unbuilt: '^postgres',
        }),
      },
      { ...section, description: 'Where turns and deliveries are kept.' },
    ),
    stateDir: Type.Optional(
      path(
        'Device key, database, generated token. Without it `$STATE_DIRECTORY`, else `/var/lib/wecomd` when writable, else `$XDG_STATE_HOME/wecomd`, else `~/.local/state/wecomd`.',
        { sample: '/var/lib/wecomd' },
      ),
    ),
    schedule: Type.Optional(
      path('The cron file. Without it `schedule.json5` beside this file, if present.', { unbuilt: true }),
    ),
    timezone: text('Time zone of days and schedules, as in `Asia/Shanghai`.', { default: 'Asia/Shanghai' }),
    language: Type.Union([Type.Literal('zh-CN'), Type.Literal('en')], {
      default: 'zh-CN',
      description: 'Language of the sentences that users see.',
    }),
    texts: noticeTextKeys(
      'Own wording of the sentences that users see, instead of ours in zh-CN / en. A placeholder such as `{name}` may be left out; a literal brace is written twice. A text of an account wins over one for all.',
      { sample: { failed: '⚠️ 出错了，请联系 IT 服务台。' } },
    ),
    commands: Type.Object(
      {
        pass: texts(
          'Slash commands that reach the gateway from users who may.',
          ['status', 'model', 'think', 'compact', 'usage'],
          {
            pattern: '^[/／]?[A-Za-z][A-Za-z0-9_-]{0,31}$',
            expects: 'the name of a command as in "status": a letter, then at most 31 letters, digits, "_" and "-"',
          },
        ),
      },
      { ...section, description: 'Slash commands.' },
    ),
    log: Type.Object(
      {
        level: Type.Union([Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')], {
          default: 'info',
          description: 'Least level that is written.',
        }),
        format: Type.Optional(
          Type.Union([Type.Literal('json'), Type.Literal('pretty')], {
            description: '`json` lines or `pretty`. Without it pretty on a terminal, else json.',
            sample: 'json',
          }),
        ),
        content: flag('Write message text and plain user ids too, for debugging only.', false, { unbuilt: true }),
      },
      { ...section, description: 'The log.' },
    ),
    limits,
    retention: Type.Object(
      {
        contentDays: whole('Days until the contents of finished turns are erased.', 7),
        rowDays: whole('Days until their rows are removed.', 30),
      },
      { ...section, description: 'How long things are kept.' },
    ),
    plugin: Type.Object(
      {
        secret: Type.Optional(text('Secret shared with the companion plugin.', { secret: true })),
        listen: Type.Optional(text('Address on which the plugin is served.')),
      },
      { ...section, description: 'The companion plugin for OpenClaw.', unbuilt: true },
    ),
    outbound: Type.Object(
      { allowBroadcast: flag('Allow messages to `@all`.', false) },
      { ...section, description: 'Messages sent first.' },
    ),
    alerts: Type.Object(
      { to: Type.Optional(text('Target that hears of trouble.')) },
      { ...section, description: 'Messages to the administrator.', unbuilt: true },
    ),
  },
  { ...section, description: 'Configuration of wecomd.' },
)

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T

/** The config file after reading: variables and secrets in place, all defaults filled in. */
export type Settings = Frozen<Static<typeof schema>>
