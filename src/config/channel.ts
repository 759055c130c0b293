import { Type } from '@sinclair/typebox'
import { aesKey, boolean, type KeyOptions, path, section, string, stringList, integer } from './keys.ts'
import { limits } from '../domain/limits.ts'
import { noticeTextKeys } from './notice-texts.ts'

/** Fits in eight messages of the app, with room for their numbers. */
const welcomeBytes = 7 * limits.messageBytes

const dm = () =>
  Type.Object(
    {
      policy: Type.Union(
        [Type.Literal('open'), Type.Literal('allowlist'), Type.Literal('pairing'), Type.Literal('disabled')],
        {
          default: 'pairing',
          description:
            'Who may use commands. `open`: everyone. `allowlist` and `pairing`: the users in `allowFrom`. `disabled`: no one.',
        },
      ),
      allowFrom: stringList('User ids with access; `"*"` means everyone.', [], { coerce: true }),
      applies: Type.Union([Type.Literal('commands'), Type.Literal('all')], {
        default: 'commands',
        description:
          'What the policy covers: `commands` only, or `all` to also deny ordinary messages from other users.',
      }),
    },
    { ...section, description: 'Access control by sender, in single chats and groups.' },
  )

const stream = Type.Object(
  {
    windowMs: integer('How long WeCom polls a stream, counted from the user’s message.', 360_000, {
      minimum: 1000,
      maximum: 360_000,
    }),
    handoverMs: integer(
      'How long before the end of that window an unfinished answer moves to a separate message.',
      30_000,
      {
        minimum: 0,
        maximum: 360_000,
      },
    ),
  },
  { ...section, description: 'Timing of streamed answers.' },
)

const bot = (description: string, options: KeyOptions = {}) =>
  Type.Object(
    {
      token: string('Token from the Bot’s callback settings.', {
        secret: true,
        valueKind: 'credential',
        example: `\${WECOM_BOT_TOKEN}`,
      }),
      encodingAESKey: aesKey('EncodingAESKey from the Bot’s callback settings.', {
        example: `\${WECOM_BOT_AES_KEY}`,
      }),
      receiveId: Type.String({
        default: '',
        description: 'The receiveid in encrypted callbacks; empty for a Bot of your own company.',
      }),
      aibotid: Type.Optional(
        string('Expected id of the Bot. A callback with another id is logged.', {
          valueKind: 'credential',
          sample: 'aib_1a2b3c',
        }),
      ),
      name: Type.Optional(
        Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }))], {
          description:
            'Name or names of the Bot, removed after @ from group messages. If unset, an @name at the beginning is removed up to white space or punctuation; set it if users write nothing between name and text.',
          sample: '助手',
        }),
      ),
      streamPlaceholderContent: string('Initial content of every answer.', { default: '<think></think>' }),
      welcomeText: Type.Optional(
        string('Greeting when a user opens the chat for the first time that day.', {
          sample: '你好！',
          maxBytes: limits.streamContentBytes,
        }),
      ),
      dm: dm(),
      stream,
      joinWindowMs: integer('How long a message with only media waits for a text from the same sender.', 3000, {
        minimum: 0,
      }),
      reasoning: Type.Union([Type.Literal('hide'), Type.Literal('fold'), Type.Literal('show')], {
        default: 'fold',
        description:
          'How a streamed answer shows the model’s reasoning (`<think>`). `hide` omits it, `fold` shows a collapsible block, `show` quotes it. Separate messages never contain it.',
      }),
      feedback: Type.Union([Type.Literal('count'), Type.Literal('tell')], {
        default: 'count',
        description:
          'What happens to thumbs up and down. `count`: counted only. `tell`: also sent to the agent with the next message.',
      }),
    },
    { ...section, description, ...options },
  )

const app = (description: string, options: KeyOptions = {}) =>
  Type.Object(
    {
      corpId: string('Company ID (CorpID).', { valueKind: 'credential', sample: 'ww1234567890abcdef' }),
      corpSecret: string('Secret of the app.', {
        secret: true,
        valueKind: 'credential',
        sample: `\${WECOM_CORP_SECRET}`,
      }),
      agentId: Type.Integer({
        minimum: 0,
        description: 'AgentId of the app.',
        expects: 'a whole number',
        coerce: true,
        sample: 1_000_002,
      }),
      token: Type.Optional(
        string('Token from the app’s callback settings.', {
          secret: true,
          valueKind: 'credential',
          sample: `\${WECOM_APP_TOKEN}`,
        }),
      ),
      encodingAESKey: Type.Optional(
        aesKey('EncodingAESKey from the app’s callback settings.', { sample: `\${WECOM_APP_AES_KEY}` }),
      ),
      welcomeText: Type.Optional(
        string(
          'Greeting for new members and for the first visit of the day. A long one becomes up to eight messages.',
          {
            maxBytes: welcomeBytes,
          },
        ),
      ),
      dm: dm(),
      replyFormat: Type.Union([Type.Literal('auto'), Type.Literal('text'), Type.Literal('markdown')], {
        default: 'auto',
        description: 'Message type of answers. `auto` uses Markdown only if WeCom renders all of it.',
      }),
      allowAppChat: boolean('Allow messages to group chats created by the app (`group:` targets).', false),
    },
    { ...section, description, ...options },
  )

const network = Type.Object(
  {
    egressProxyUrl: Type.Optional(
      string('HTTP(S) proxy for all calls to WeCom; may contain user and password.', {
        pattern: '^https?://[^\\s/]',
        expects: 'an http:// or https:// URL',
        secret: true,
        valueKind: 'url',
        sample: 'http://127.0.0.1:3128',
      }),
    ),
    apiBaseUrl: string('Base URL of the WeCom API. Change it for a private deployment or a reverse proxy.', {
      default: 'https://qyapi.weixin.qq.com',
      pattern: '^https?://[^\\s/]',
      expects: 'an http:// or https:// URL',
      valueKind: 'baseUrl',
    }),
    timeoutMs: integer('Timeout of a call to WeCom.', 15_000, { minimum: 100, maximum: 600_000 }),
    caFile: Type.Optional(
      path('PEM file with the CA of a private deployment or proxy.', {
        sample: 'ca.pem',
        contents: 'certificates',
      }),
    ),
    mediaHosts: stringList(
      'Additional hosts allowed in media links and response_url; `*.example.com` for subdomains. They are reached by https only.',
      [],
      { valueKind: 'hostPattern' },
    ),
  },
  { ...section, description: 'Connections to WeCom.' },
)

const dynamicAgents = Type.Object(
  {
    enabled: boolean('Create agents for users and groups.', false),
    dmCreateAgent: boolean('Create one for each user in single chats.', true),
    groupEnabled: boolean('Create one for each group.', true),
    adminUsers: stringList(
      'User ids of administrators. Administrators talk to the bound agent instead of their own, and approve or deny commands. `zhangsan@sales` applies to the account `sales` only.',
      [],
      { coerce: true },
    ),
    workspaceTemplate: Type.Optional(
      path(
        'Folder with the initial workspace files of a new agent. The folder may contain `AGENTS.md`, `SOUL.md`, `IDENTITY.md`, `USER.md`, `BOOTSTRAP.md` and `MEMORY.md`.',
        { contents: 'workspace', sample: 'agent-template' },
      ),
    ),
  },
  {
    ...section,
    description:
      'Gives each user and each group its own agent, `wecom-dm-<id>` or `wecom-group-<id>`, created in the gateway on first use. A binding for that user or group takes precedence. Creating agents needs the admin scope; without it the bound agent answers.',
  },
)

const account = Type.Object(
  {
    enabled: boolean('Enables this account. If false, its callback URLs answer 404.', true),
    name: Type.Optional(string('Display name in `status` and logs.')),
    bot: Type.Optional(bot('Bot (智能机器人) of this account.', { sameAs: 'channels.wecom.bot' })),
    agent: Type.Optional(app('Self-built app (自建应用) of this account.', { sameAs: 'channels.wecom.agent' })),
    texts: noticeTextKeys('Custom notice texts for the users of this account.', { sameAs: 'texts' }),
  },
  section,
)

/** `channels.wecom`, the part whose shape is compatible with the config file of OpenClaw. */
export const channel = Type.Object(
  {
    enabled: boolean('Enables the whole channel.', true),
    bot: Type.Optional(bot('Bot (智能机器人) of the account `default`.')),
    agent: Type.Optional(app('Self-built app (自建应用) of the account `default`.')),
    accounts: Type.Record(Type.String({ pattern: '^(?!(?:dm|group)$)[a-z0-9][a-z0-9_-]{0,63}$' }), account, {
      ...section,
      default: {},
      description:
        'Accounts by id; the top-level `bot` and `agent` form the account `default`. An id consists of lowercase letters, digits, `_` and `-`; `dm` and `group` are reserved.',
      nameRule: 'lowercase letters, digits, "_" and "-", but not "dm" or "group"',
      sample: {
        sales: { bot: { token: `\${SALES_BOT_TOKEN}`, encodingAESKey: `\${SALES_BOT_AES_KEY}` } },
      },
    }),
    defaultAccount: Type.Optional(
      string('Account that answers at `/wecom`. If unset: `default` if it exists, else the first account.', {
        sample: 'sales',
      }),
    ),
    network,
    media: Type.Object(
      { maxBytes: integer('Maximum size of a received file.', 83_886_080) },
      { ...section, description: 'Files from users.' },
    ),
    dynamicAgents,
    webhooks: Type.Record(
      Type.String({ pattern: '^[^\\s@:]+$' }),
      string('Key or webhook URL of a group robot.', { secret: true, valueKind: 'robot' }),
      {
        ...section,
        default: {},
        description:
          'Group webhook robots (群机器人) by name: key or webhook URL. Send to one with the target `webhook:<name>`.',
        nameRule: 'a name without white space, "@" or ":"',
      },
    ),
  },
  { ...section, description: 'The WeCom channel, in the format of the OpenClaw config file.' },
)
