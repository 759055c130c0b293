import { Type } from '@sinclair/typebox'
import { aesKey, flag, type Marks, path, section, text, texts, whole } from './keys.ts'
import { noticeTextKeys } from './notice-texts.ts'

const dm = () =>
  Type.Object(
    {
      policy: Type.Union(
        [Type.Literal('open'), Type.Literal('allowlist'), Type.Literal('pairing'), Type.Literal('disabled')],
        {
          default: 'pairing',
          description:
            'Who may use commands: `open` everyone, `allowlist` and `pairing` the users in `allowFrom`, `disabled` nobody.',
        },
      ),
      allowFrom: texts('User ids that may; `"*"` is everyone.', [], { coerce: true }),
      applies: Type.Union([Type.Literal('commands'), Type.Literal('all')], {
        default: 'commands',
        description: 'What the policy gates: `commands` only, or `all` (ordinary chat of the others is refused too).',
      }),
    },
    { ...section, description: 'Who may, by sender, in single chats and groups.' },
  )

const stream = Type.Object(
  {
    windowMs: whole('How long WeCom fetches a stream, counted from the message of the user.', 360_000, {
      minimum: 1000,
      maximum: 360_000,
    }),
    handoverMs: whole('How long before the end of that window a running answer moves to another way.', 30_000, {
      minimum: 0,
      maximum: 360_000,
    }),
  },
  { ...section, description: 'The life of a bubble.' },
)

const bot = (description: string, marks: Marks = {}) =>
  Type.Object(
    {
      token: text('Token of the callback settings of the Bot.', { secret: true, example: `\${WECOM_BOT_TOKEN}` }),
      encodingAESKey: aesKey('EncodingAESKey of the callback settings of the Bot.', {
        example: `\${WECOM_BOT_AES_KEY}`,
      }),
      receiveId: Type.String({
        default: '',
        description: 'The receiveid that callbacks are encrypted for; empty for a Bot inside one company.',
      }),
      aibotid: Type.Optional(
        text('The id that the Bot should have; another one in a callback is logged.', { sample: 'aib…' }),
      ),
      name: Type.Optional(
        Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }))], {
          description:
            'Name or names of the Bot as people write them after @; removed from group messages. Without it one leading @word is.',
          sample: '助手',
        }),
      ),
      streamPlaceholderContent: text('First content of every bubble.', { default: '<think></think>' }),
      welcomeText: Type.Optional(
        text('Answer when a user opens the chat for the first time that day.', { sample: '你好！' }),
      ),
      dm: dm(),
      stream,
      joinWindowMs: whole('How long a message that is only media waits for a text of the same sender.', 3000, {
        minimum: 0,
      }),
      reasoning: Type.Union([Type.Literal('hide'), Type.Literal('fold'), Type.Literal('show')], {
        default: 'fold',
        description:
          'What a bubble shows of the thinking of the model (`<think>`): nothing, a block that folds, or quoted lines. It goes no other way.',
      }),
      feedback: Type.Union([Type.Literal('count'), Type.Literal('tell')], {
        default: 'count',
        description:
          'What becomes of thumbs up and down: only counted, or told to the agent too, with the next message.',
      }),
    },
    { ...section, description, ...marks },
  )

const app = (description: string, marks: Marks = {}) =>
  Type.Object(
    {
      corpId: text('Id of the company (CorpID).', { sample: 'ww…' }),
      corpSecret: text('Secret of the app.', { secret: true, sample: `\${WECOM_CORP_SECRET}` }),
      agentId: Type.Integer({
        minimum: 0,
        description: 'AgentId of the app.',
        expects: 'a whole number',
        coerce: true,
        sample: 1_000_002,
      }),
      token: Type.Optional(
        text('Token of the callback settings of the app.', { secret: true, sample: `\${WECOM_APP_TOKEN}` }),
      ),
      encodingAESKey: Type.Optional(
        aesKey('EncodingAESKey of the callback settings of the app.', { sample: `\${WECOM_APP_AES_KEY}` }),
      ),
      welcomeText: Type.Optional(text('Answer to a new member and to the first visit of a day.')),
      dm: dm(),
      replyFormat: Type.Union([Type.Literal('auto'), Type.Literal('text'), Type.Literal('markdown')], {
        default: 'auto',
        description: 'How answers are sent; `auto` uses markdown only where the platform renders all of it.',
      }),
      allowAppChat: flag('Send to groups that the app itself created (`group:` targets).', false),
    },
    { ...section, description, ...marks },
  )

const network = Type.Object(
  {
    egressProxyUrl: Type.Optional(
      text('HTTP(S) proxy for every call to WeCom; may carry user and password.', {
        pattern: '^https?://[^\\s/]',
        expects: 'an http:// or https:// URL',
        secret: true,
        sample: 'http://127.0.0.1:3128',
      }),
    ),
    apiBaseUrl: text('Origin of the WeCom API: a private deployment, a reverse proxy, a simulator.', {
      default: 'https://qyapi.weixin.qq.com',
      pattern: '^https?://[^\\s/]',
      expects: 'an http:// or https:// URL',
    }),
    timeoutMs: whole('Longest wait for an answer of WeCom.', 15_000, { minimum: 100, maximum: 600_000 }),
    caFile: Type.Optional(
      path('PEM file with the authority of a private deployment or proxy.', {
        sample: 'ca.pem',
        holds: 'certificates',
      }),
    ),
    mediaHosts: texts('Further hosts that media and response_url may point to, `*.` in front for all below.', []),
  },
  { ...section, description: 'Calls to WeCom.' },
)

const dynamicAgents = Type.Object(
  {
    enabled: flag('Make agents for users and groups.', false),
    dmCreateAgent: flag('One for each user in single chats.', true),
    groupEnabled: flag('One for each group.', true),
    adminUsers: texts(
      'Administrators, who talk to the bound agent instead, and answer for commands that need approval. `zhangsan@sales` is one of the account `sales` only.',
      [],
      { coerce: true },
    ),
    workspaceTemplate: Type.Optional(
      path(
        'Folder with what a new agent finds in its workspace: `AGENTS.md`, `SOUL.md`, `IDENTITY.md`, `USER.md`, `BOOTSTRAP.md`, `MEMORY.md`.',
        { holds: 'workspace', sample: 'agent-template' },
      ),
    ),
  },
  {
    ...section,
    description:
      'An agent for each user and each group, `wecom-dm-<id>` and `wecom-group-<id>`, made in the gateway when it is first needed. A binding of that very user or group wins. Without admin scope none can be made, and the bound agent answers.',
  },
)

const account = Type.Object(
  {
    enabled: flag('Switch of this account; off, its callback URLs answer 404.', true),
    name: Type.Optional(text('Name for people, in `status` and logs.')),
    bot: Type.Optional(bot('Bot (智能机器人) of this account.', { sameAs: 'channels.wecom.bot' })),
    agent: Type.Optional(app('Self-built app (自建应用) of this account.', { sameAs: 'channels.wecom.agent' })),
    texts: noticeTextKeys('Own wording of sentences for the users of this account.', { sameAs: 'texts' }),
  },
  section,
)

/** `channels.wecom`: the part that has the shape of OpenClaw's own config file. */
export const channel = Type.Object(
  {
    enabled: flag('Switch of the whole channel.', true),
    bot: Type.Optional(bot('Bot (智能机器人) of the account `default`.')),
    agent: Type.Optional(app('Self-built app (自建应用) of the account `default`.')),
    accounts: Type.Record(Type.String({ pattern: '^(?!(?:dm|group)$)[a-z0-9][a-z0-9_-]{0,63}$' }), account, {
      ...section,
      default: {},
      description:
        'Several accounts. An id is lower-case letters, digits, `_` and `-`, and neither `dm` nor `group`; the top-level `bot` and `agent` are the account `default`.',
      names: 'lower-case letters, digits, "_" and "-", and neither "dm" nor "group"',
      sample: {
        sales: { bot: { token: `\${SALES_BOT_TOKEN}`, encodingAESKey: `\${SALES_BOT_AES_KEY}` } },
      },
    }),
    defaultAccount: Type.Optional(
      text('The account behind `/wecom`. Without it `default` if there is one, else the first.', { sample: 'sales' }),
    ),
    network,
    media: Type.Object(
      { maxBytes: whole('Largest media taken in.', 83_886_080) },
      { ...section, description: 'Media from users.' },
    ),
    dynamicAgents,
    webhooks: Type.Record(
      Type.String({ pattern: '^[^\\s@:]+$' }),
      text('Key or URL of a group robot.', { secret: true }),
      {
        ...section,
        default: {},
        description: 'Group webhook robots by name, each its key or URL; target `webhook:<name>`.',
        names: 'no white space, "@" or ":"',
      },
    ),
  },
  { ...section, description: 'WeCom, in the shape of the config file of OpenClaw.' },
)
