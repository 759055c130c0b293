import { type Static, Type } from '@sinclair/typebox'

/** A time that can be printed. */
export const time = Type.Number({ minimum: 0, maximum: 8.64e15 })

/** Why something has not left. */
export const waits = Type.Object({
  reason: Type.String(),
  until: Type.Optional(time),
  errcode: Type.Optional(Type.Integer()),
  hint: Type.Optional(Type.String()),
})

/** What commands need of the daemon's report of a delivery. */
export const deliveryReport = Type.Object({
  id: Type.String(),
  kind: Type.String(),
  state: Type.String(),
  to: Type.Optional(Type.String()),
  createdAt: time,
  finishedAt: Type.Optional(time),
  waits: Type.Optional(waits),
  attempts: Type.Array(
    Type.Object({
      errcode: Type.Optional(Type.Integer()),
      errmsg: Type.Optional(Type.String()),
      hint: Type.Optional(Type.String()),
    }),
  ),
  recipients: Type.Record(Type.String(), Type.Array(Type.String())),
})

export type PrintedDelivery = Static<typeof deliveryReport>

/** Whom a delivery did not reach, what WeCom said last, why it waits, and what to do: a line for each. */
export function describeOutcome({ attempts, recipients, waits }: PrintedDelivery): readonly string[] {
  const lost = Object.entries(recipients).filter(([, ids]) => ids.length > 0)
  const { errcode, errmsg = '', hint } = attempts.at(-1) ?? {}
  // 0 is "ok", also where the lists say that it reached nobody.
  const said = errcode === 0 ? '' : [errcode && `errcode ${errcode}`, errmsg].filter(Boolean).join(': ')
  const hints = new Set([hint, waits?.hint].filter(one => one !== undefined))
  return [
    ...lost.map(([list, ids]) => `  ${list}: ${ids.join(' ')}`),
    ...(said === '' ? [] : [`  ${said}`]),
    ...(waits === undefined ? [] : [`  ${describeWaits(waits)}`]),
    ...Array.from(hints, one => `  → ${one}`),
  ]
}

/** `waits until 2026-11-23 06:12:40 UTC: WeCom refuses this app (errcode 60020)` */
export function describeWaits({ reason, until, errcode }: Static<typeof waits>): string {
  const when = until === undefined ? '' : ` until ${formatTime(until)}`
  return `waits${when}: ${reason}${errcode === undefined ? '' : ` (errcode ${errcode})`}`
}

export function formatTime(at: number): string {
  return `${new Date(at).toISOString().replace('T', ' ').slice(0, 19)} UTC`
}
