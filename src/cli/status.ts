import type { reportStatus } from '../status.ts'
import { askDaemon, daemonFlags, daemonUsage } from './daemon.ts'
import type { CliIo } from './io.ts'
import { alwaysUsage, exitCodes, parseCommand } from './usage.ts'

const usage = [
  'usage: wecomd status [--config FILE] [--json]',
  '',
  'Shows what the running daemon does: accounts, gateway link, open turns, deliveries.',
  '',
  ...daemonUsage,
  ...alwaysUsage,
]

type Status = Awaited<ReturnType<typeof reportStatus>>

/** `wecomd status`: 0 when the daemon is ready, 1 when it is not, 4 when none answers. */
export async function status(args: readonly string[], io: CliIo): Promise<number> {
  const command = parseCommand(args, io, { usage, flags: daemonFlags, positionals: 0 })
  if (command.exit !== undefined) return command.exit
  // The daemon is of the same release; fields that an older one lacks are shown as missing.
  const found = (await askDaemon('/api/status', command.values, io)) as Status
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
  ]
}

function describeComponent(name: string, component: Status['components']['store']): readonly string[] {
  const line = `${name.padEnd(9)} ${component.state}${component.reason === undefined ? '' : `: ${component.reason}`}`
  return component.hint === undefined ? [line] : [line, `          → ${component.hint}`]
}

function describeAccount({ id, enabled, bot, app }: Status['accounts'][number]): readonly string[] {
  const name = `account   ${id}${enabled ? '' : ' (disabled)'}`
  return [
    ...(bot === undefined ? [] : describeSurface(`${name}: bot`, bot, 'bot.token')),
    ...(app === undefined ? [] : describeApp(name, app)),
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
  surface: { paths: readonly string[]; lastCallbackAt?: number; lastSignatureFailureAt?: number },
  tokenKey: string,
): readonly string[] {
  const { lastCallbackAt: seenAt, lastSignatureFailureAt: failedAt } = surface
  const seen = seenAt === undefined ? 'no callback yet' : `last callback ${formatTime(seenAt)}`
  // One that a good callback came after is nobody's trouble any more.
  const isTrouble = failedAt !== undefined && failedAt > (seenAt ?? 0)
  return [
    `${name} ${surface.paths.join(' ')}, ${seen}`,
    ...(!isTrouble ? [] : [`          → last wrong signature ${formatTime(failedAt)}: is ${tokenKey} right?`]),
  ]
}

function formatTime(at: number): string {
  return `${new Date(at).toISOString().replace('T', ' ').slice(0, 19)} UTC`
}
