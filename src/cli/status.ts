import { type Static, Type } from '@sinclair/typebox'
import { askDaemon, daemonFlags, daemonUsage } from './daemon.ts'
import type { CliIo } from './io.ts'
import { formatTime, time } from './report.ts'
import { alwaysUsage, exitCodes, parseCommand } from './usage.ts'

const usage = [
  'usage: wecomd status [--config FILE] [--json]',
  '',
  'Shows what the running daemon does: accounts, gateway link, open turns, deliveries.',
  '',
  ...daemonUsage,
  ...alwaysUsage,
]

const text = Type.Optional(Type.String())
const count = Type.Optional(Type.Number())
const surface = Type.Object({
  paths: Type.Array(Type.String()),
  lastCallbackAt: Type.Optional(time),
  lastSignatureFailureAt: Type.Optional(time),
  unreachable: Type.Optional(Type.Object({ since: time, lastAt: time, reason: Type.String(), hint: text })),
})
const app = Type.Composite([
  surface,
  Type.Object({
    token: Type.Optional(Type.Object({ expiresAt: time })),
    quota: Type.Optional(Type.Object({ minute: Type.Number(), hour: Type.Number() })),
    held: Type.Optional(Type.Object({ since: time, errcode: count, hint: text })),
    activity: Type.Optional(Type.Object({ event: Type.String(), at: time, effectAt: Type.Optional(time) })),
  }),
])

/** What is printed; the counts are missing while the store does not answer. */
const shape = Type.Object({
  version: Type.String(),
  node: Type.String(),
  startedAt: time,
  ready: Type.Boolean(),
  components: Type.Record(
    Type.String(),
    Type.Object({ state: Type.String(), since: Type.Optional(time), reason: text, hint: text }),
  ),
  accounts: Type.Array(
    Type.Object({
      id: Type.String(),
      name: text,
      enabled: Type.Boolean(),
      bot: Type.Optional(surface),
      app: Type.Optional(app),
    }),
  ),
  turns: Type.Optional(Type.Object({ open: count, waiting: count, asking: count })),
  outbox: Type.Optional(Type.Object({ queued: count, held: count })),
  dead: count,
  config: Type.Object({ loadedAt: time, complaint: text }),
})

type Status = Static<typeof shape>

/** `wecomd status`: 0 when the daemon is ready, 1 when it is not, 4 when none answers. */
export async function status(args: readonly string[], io: CliIo): Promise<number> {
  const command = parseCommand(args, io, { usage, flags: daemonFlags, positionals: 0 })
  if (command.exit !== undefined) return command.exit
  const found = await askDaemon('/api/status', shape, command.values, io)
  if (command.values.json) io.out(JSON.stringify(found))
  else for (const line of describe(found)) io.out(line)
  return found.ready ? exitCodes.ok : exitCodes.failed
}

function describe(found: Status): readonly string[] {
  return [
    `wecomd ${found.version} on ${found.node}, ${found.ready ? 'ready' : 'NOT READY'}, up since ${formatTime(found.startedAt)}`,
    '',
    ...Object.entries(found.components).flatMap(([name, component]) => describeComponent(name, component)),
    ...found.accounts.flatMap(describeAccount),
    `turns     open ${found.turns?.open ?? '?'}, waiting ${found.turns?.waiting ?? '?'}, asking ${found.turns?.asking ?? '?'}`,
    `outbox    queued ${found.outbox?.queued ?? '?'}, held ${found.outbox?.held ?? '?'}`,
    `dead      ${found.dead ?? '?'}${found.dead ? ': see wecomd dead list' : ''}`,
    ...describeConfig(found.config),
  ]
}

function describeConfig({ loadedAt, complaint }: Status['config']): readonly string[] {
  const line = `config    loaded ${formatTime(loadedAt)}`
  return complaint === undefined ? [line] : [line, `          NOT RELOADED, the file is refused: ${complaint}`]
}

function describeComponent(name: string, component: Status['components'][string]): readonly string[] {
  const { state, since, reason } = component
  const when = state === 'unreachable' && since !== undefined ? ` since ${formatTime(since)}` : ''
  const line = `${name.padEnd(9)} ${state}${when}${reason === undefined ? '' : `: ${reason}`}`
  return component.hint === undefined ? [line] : [line, `          → ${component.hint}`]
}

function describeAccount({ id, name, enabled, bot, app }: Status['accounts'][number]): readonly string[] {
  const account = `account   ${id}${name === undefined ? '' : ` “${name}”`}${enabled ? '' : ' (disabled)'}`
  return [
    ...(bot === undefined ? [] : describeSurface(`${account}: bot`, bot, 'bot.token')),
    ...(app === undefined ? [] : describeApp(account, app)),
  ]
}

type AppStatus = NonNullable<Status['accounts'][number]['app']>

function describeApp(name: string, app: AppStatus): readonly string[] {
  const surface =
    app.paths.length === 0
      ? [`${name}: app sends only, it has no token and encodingAESKey for callbacks`]
      : describeSurface(`${name}: app`, app, 'agent.token')
  const { quota, held, activity, token } = app
  const until = token === undefined ? 'no access token yet' : `access token until ${formatTime(token.expiresAt)}`
  const busiest = quota === undefined ? '' : `, most to one member ${quota.minute}/min ${quota.hour}/h`
  return [
    ...surface,
    ...(app.paths.length === 0 ? describeSilence(app) : []),
    `          ${until}${busiest}`,
    ...(held === undefined
      ? []
      : [
          `          WAITS since ${formatTime(held.since)}: WeCom refuses this app${held.errcode === undefined ? '' : ` (errcode ${held.errcode})`}`,
          ...(held.hint === undefined ? [] : [`          → ${held.hint}`]),
        ]),
    ...(activity === undefined ? [] : [describeActivity(activity)]),
  ]
}

function describeActivity({ event, at, effectAt }: NonNullable<AppStatus['activity']>): string {
  const from = effectAt === undefined ? '' : `, from ${formatTime(effectAt)}`
  return `          → WeCom said ${event} at ${formatTime(at)}${from}: it suspends apps that nobody uses; look at it in the admin console`
}

function describeSurface(
  name: string,
  surface: NonNullable<Status['accounts'][number]['bot']>,
  tokenKey: string,
): readonly string[] {
  const { lastCallbackAt: seenAt, lastSignatureFailureAt: failedAt } = surface
  const seen = seenAt === undefined ? 'no callback yet' : `last callback ${formatTime(seenAt)}`
  // One that a good callback came after is nobody's trouble any more.
  const isTrouble = failedAt !== undefined && failedAt > (seenAt ?? 0)
  return [
    `${name} ${surface.paths.join(' ')}, ${seen}`,
    ...describeSilence(surface),
    ...(!isTrouble ? [] : [`          → last wrong signature ${formatTime(failedAt)}: is ${tokenKey} right?`]),
  ]
}

function describeSilence({ unreachable }: Pick<AppStatus, 'unreachable'>): readonly string[] {
  if (unreachable === undefined) return []
  const { since, lastAt, reason, hint } = unreachable
  const tried = lastAt === since ? '' : `, last tried ${formatTime(lastAt)}`
  return [
    `          WeCom cannot be reached since ${formatTime(since)}${tried}: ${reason}`,
    ...(hint === undefined ? [] : [`          → ${hint}`]),
  ]
}
