import { type Static, Type } from '@sinclair/typebox'
import { gatewayCommandFor } from '../domain/failure.ts'
import { askDaemon } from './daemon.ts'
import { exitCodes } from './exit-codes.ts'
import { labelled, time } from './report.ts'
import type { Call } from './table/commands.ts'
import type { Terminal } from './terminal.ts'
import { statusTexts } from './texts/status.ts'

const text = Type.Optional(Type.String())
const count = Type.Optional(Type.Number())
const surface = Type.Object({
  paths: Type.Array(Type.String()),
  lastCallbackAt: Type.Optional(time),
  verifiedAt: Type.Optional(time),
  lastRefused: Type.Optional(
    Type.Object({ at: time, cause: Type.String(), reason: Type.String(), hint: text, offSeconds: count }),
  ),
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

/** The printed part of the report; the counts are missing while the store does not answer. */
export const statusReport = Type.Object({
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
  spool: Type.Optional(Type.Object({ bytes: Type.Number(), quotaBytes: Type.Number() })),
  dead: count,
  failures: Type.Optional(Type.Array(Type.Object({ cause: Type.String(), count: Type.Number() }))),
  config: Type.Object({ loadedAt: time, complaint: text }),
})

type Status = Static<typeof statusReport>

/** `wecomd status`: 0 when the daemon is ready, 1 when it is not, 4 when no daemon answers. */
export async function status({ values }: Call<'status'>, terminal: Terminal): Promise<number> {
  const found = await askDaemon('/api/status', statusReport, values, terminal)
  if (values.json) terminal.out(JSON.stringify(found))
  else for (const line of new StatusPrinter(terminal).describe(found)) terminal.out(line)
  return found.ready ? exitCodes.ok : exitCodes.failed
}

type AccountStatus = Status['accounts'][number]
type AppStatus = NonNullable<AccountStatus['app']>
type Refused = NonNullable<NonNullable<AccountStatus['bot']>['lastRefused']>

/** Writes a report in the language, colours and clock of a terminal. */
class StatusPrinter {
  private readonly texts

  constructor(private readonly terminal: Terminal) {
    this.texts = statusTexts[terminal.language]
  }

  describe({
    version,
    node,
    ready,
    startedAt,
    components,
    accounts,
    turns,
    outbox,
    spool,
    dead,
    failures = [],
    config,
  }: Status) {
    const { texts } = this
    const { paint, formatTime } = this.terminal
    const shown = (count: number | undefined) => String(count ?? '?')
    const readiness = ready ? paint.good(texts.ready) : paint.bad(texts.notReady)
    const deadLetters = dead ? texts.withHint(paint.bad(shown(dead)), texts.seeDead) : shown(dead)
    return [
      texts.head(version, node, readiness, formatTime(startedAt)),
      '',
      ...Object.entries(components).flatMap(([name, component]) => this.component(name, component)),
      ...accounts.flatMap(account => this.account(account)),
      labelled(texts.turns, texts.countTurns(shown(turns?.open), shown(turns?.waiting), shown(turns?.asking))),
      labelled(texts.outbox, texts.countOutbox(shown(outbox?.queued), shown(outbox?.held))),
      ...(spool === undefined ? [] : [this.spool(spool)]),
      labelled(texts.dead, deadLetters),
      ...this.failures(failures),
      labelled(texts.config, texts.loaded(formatTime(config.loadedAt))),
      ...(config.complaint === undefined ? [] : [this.below(paint.bad(texts.reloadRejected(config.complaint)))]),
    ]
  }

  /** It is worth a colour once nine tenths are used: when it is full, media are not taken any more. */
  private spool({ bytes, quotaBytes }: NonNullable<Status['spool']>): string {
    const { texts } = this
    const line = texts.spoolUsed(formatMegabytes(bytes), formatMegabytes(quotaBytes))
    return labelled(texts.spool, bytes > quotaBytes * 0.9 ? this.terminal.paint.warn(line) : line)
  }

  private failures(failures: readonly { cause: string; count: number }[]): readonly string[] {
    if (failures.length === 0) return []
    const { texts } = this
    const counts = texts.listed(failures.map(({ cause, count }) => `${count} ${texts.causes[cause] ?? cause}`))
    const commands = failures.flatMap(({ cause }) => gatewayCommandFor(cause) ?? [])
    return [
      labelled(texts.failures, this.terminal.paint.bad(texts.lastHour(counts))),
      ...[...new Set(commands)].flatMap(command => this.remedy(texts.onGateway(command))),
    ]
  }

  private component(name: string, { state, since, reason, hint }: Status['components'][string]): readonly string[] {
    const { texts } = this
    const { paint, formatTime } = this.terminal
    const word = texts.states[state] ?? state
    const colour = { up: paint.good, connecting: paint.warn, bound: paint.warn, barred: paint.warn }[state] ?? paint.bad
    const at = state === 'unreachable' && since !== undefined ? texts.stateSince(word, formatTime(since)) : word
    const line = labelled(
      texts.parts[name] ?? name,
      reason === undefined ? colour(at) : texts.because(colour(at), reason),
    )
    return [line, ...this.remedy(hint)]
  }

  private account({ id, name, enabled, bot, app }: AccountStatus): readonly string[] {
    const { texts } = this
    const label = name === undefined ? id : `${id} “${name}”`
    return [
      ...(bot === undefined ? [] : this.surface(texts.surface(label, texts.bot, enabled), bot)),
      ...(app === undefined ? [] : this.app(texts.surface(label, texts.app, enabled), app)),
    ]
  }

  private app(label: string, app: AppStatus): readonly string[] {
    const { texts } = this
    const { paint, formatTime } = this.terminal
    const { quota, held, activity, token } = app
    const head = labelled(texts.account, `${label} ${texts.sendsOnly}`)
    const access = token === undefined ? texts.noToken : texts.tokenUntil(formatTime(token.expiresAt))
    const peak = quota === undefined ? [] : [texts.peak(quota.minute, quota.hour)]
    return [
      ...(app.paths.length === 0 ? [head, ...this.silence(app)] : this.surface(label, app)),
      this.below(texts.listed([access, ...peak])),
      ...(held === undefined ? [] : [this.below(paint.bad(texts.onHold(formatTime(held.since), held.errcode)))]),
      ...this.remedy(held?.hint),
      ...this.remedy(activity && this.activity(activity)),
    ]
  }

  private activity({ event, at, effectAt }: NonNullable<AppStatus['activity']>): string {
    const { formatTime } = this.terminal
    return this.texts.activity(event, formatTime(at), effectAt === undefined ? undefined : formatTime(effectAt))
  }

  private surface(label: string, surface: NonNullable<AccountStatus['bot']>): readonly string[] {
    const { texts } = this
    const { formatTime } = this.terminal
    const { paths, lastCallbackAt: seenAt, verifiedAt, lastRefused } = surface
    const unseen = verifiedAt === undefined ? texts.noCallback : texts.verified(formatTime(verifiedAt))
    const seen = seenAt === undefined || seenAt === verifiedAt ? unseen : texts.lastCallback(formatTime(seenAt))
    return [
      labelled(texts.account, texts.listed([`${label} ${paths.join(' ')}`, seen])),
      ...this.silence(surface),
      ...(lastRefused === undefined ? [] : this.refused(lastRefused)),
    ]
  }

  private refused({ at, cause, reason, hint, offSeconds }: Refused): readonly string[] {
    const { texts } = this
    const { paint, formatTime } = this.terminal
    const isClock = cause === 'timestamp' && offSeconds !== undefined
    const why = isClock ? texts.clockOff(formatSpan(Math.abs(offSeconds))) : (texts.refusals[cause] ?? reason)
    return [this.below(paint.bad(texts.lastRefused(formatTime(at), why))), ...this.remedy(isClock ? undefined : hint)]
  }

  private silence({ unreachable }: Pick<AppStatus, 'unreachable'>): readonly string[] {
    if (unreachable === undefined) return []
    const { paint, formatTime } = this.terminal
    const { since, lastAt, reason, hint } = unreachable
    const last = lastAt === since ? undefined : formatTime(lastAt)
    const line = this.texts.unreachable(formatTime(since), reason, last)
    return [this.below(paint.bad(line)), ...this.remedy(hint)]
  }

  private below(text: string): string {
    return labelled('', text)
  }

  private remedy(text: string | undefined): readonly string[] {
    return text === undefined ? [] : [this.below(`→ ${text}`)]
  }
}

/** A span of seconds in its largest unit: `8 h`, `12 min`, `301 s`. */
function formatSpan(seconds: number): string {
  if (seconds >= 7_200) return `${Math.round(seconds / 3_600)} h`
  return seconds >= 600 ? `${Math.round(seconds / 60)} min` : `${seconds} s`
}

function formatMegabytes(bytes: number): string {
  return String(Math.ceil(bytes / 1_048_576))
}
