import type { Language } from '../core/notices/texts.ts'
import type { CliIo } from './io.ts'
import { createPaint, type Paint } from './paint.ts'

/** The process as one call of a command sees it: in the language, the colours and the clock that were asked for. */
export interface Terminal extends CliIo {
  readonly language: Language
  readonly paint: Paint
  /** `2026-11-23 14:12:40 +08:00`, or with `--utc` `2026-11-23 06:12:40 UTC`. */
  formatTime(at: number): string
  /** The time of day, to the millisecond. */
  formatClock(at: number): string
}

export function openTerminal(io: CliIo, { language, utc }: { language: Language; utc: boolean }): Terminal {
  return {
    ...io,
    language,
    paint: createPaint(io.isTty, io.env),
    formatTime: at => `${wallTime(at, utc).slice(0, 19)} ${utc ? 'UTC' : formatOffset(at)}`,
    formatClock: at => wallTime(at, utc).slice(11, 23),
  }
}

/** What a clock on the wall shows. */
function wallTime(at: number, utc: boolean): string {
  return new Date(at + (utc ? 0 : offsetOf(at) * 60_000)).toISOString().replace('T', ' ')
}

/** `+08:00` */
function formatOffset(at: number): string {
  const offset = offsetOf(at)
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60]
  return `${offset < 0 ? '-' : '+'}${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`
}

/** Minutes that local time is ahead of UTC. */
function offsetOf(at: number): number {
  return -new Date(at).getTimezoneOffset()
}
