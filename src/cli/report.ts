import { type Static, Type } from '@sinclair/typebox'
import type { Terminal } from './terminal.ts'
import { deliveryTexts } from './texts/delivery.ts'

/** A time that can be printed, in any time zone. */
export const time = Type.Number({ minimum: 0, maximum: 8.639e15 })

/** Why something has not been sent yet. */
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

/** Recipients that were not reached, WeCom's last answer, why the delivery waits, and what to do: a line for each. */
export function describeOutcome(report: PrintedDelivery, terminal: Terminal): readonly string[] {
  const { attempts, recipients, waits } = report
  const lost = Object.entries(recipients).filter(([, ids]) => ids.length > 0)
  const { errcode, errmsg = '', hint } = attempts.at(-1) ?? {}
  // 0 is "ok", also where the lists say that it reached no one.
  const answer = errcode === 0 ? '' : [errcode && `errcode ${errcode}`, errmsg].filter(Boolean).join(': ')
  const hints = new Set([hint, waits?.hint].filter(one => one !== undefined))
  return [
    ...lost.map(([list, ids]) => `  ${list}: ${ids.join(' ')}`),
    ...(answer === '' ? [] : [`  ${answer}`]),
    ...(waits === undefined ? [] : [`  ${describeWaits(waits, terminal)}`]),
    ...Array.from(hints, one => `  → ${one}`),
  ]
}

/** `waiting until 2026-11-23 14:12:40 +08:00: WeCom refuses this app (errcode 60020)` */
export function describeWaits({ reason, until, errcode }: Static<typeof waits>, terminal: Terminal): string {
  return deliveryTexts[terminal.language].waits(
    reason,
    until === undefined ? undefined : terminal.formatTime(until),
    errcode,
  )
}

/** A line of a report: a label in a column of its own, and what it labels. */
export function labelled(label: string, text: string): string {
  return `${label}${' '.repeat(Math.max(1, 10 - Bun.stringWidth(label)))}${text}`
}

/** The state of a delivery, in words and in its colour. */
export function describeState(state: string, { language, paint }: Terminal): string {
  const text = deliveryTexts[language].states[state] ?? state
  if (state === 'delivered') return paint.good(text)
  return ['refused', 'unknown', 'expired'].includes(state) ? paint.bad(text) : paint.warn(text)
}
