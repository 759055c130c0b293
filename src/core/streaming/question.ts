/**
 * What an agent asks its user in the middle of a run. The bubble shows it as numbered text below the answer; where there is
 * no open bubble, a direct message does, or the bubble of the user's next message. The next message of whom the run
 * answers is the reply (`reply.ts`).
 */
import type { AgentQuestion, AskedQuestion, Turn } from '../../domain/turn.ts'
import type { Translate } from '../notices/notices.ts'

type Item = AgentQuestion['items'][number]

/** Formats the first thing that a turn's run asks and that has no reply yet; undefined if it asks nothing. */
export function formatAsked({ agentAsks }: Turn, translate: Translate): string | undefined {
  const item = agentAsks && nextItem(agentAsks)
  return item && formatItem(item, translate)
}

function formatItem({ header, text, options }: Item, translate: Translate): string {
  const head = header === '' || header === text ? text : `${header}：${text}`
  const rows = options.map(({ label, description }, index) => {
    return `${index + 1}. ${label}${description === '' ? '' : ` – ${description}`}`
  })
  const how = translate({ key: options.length > 0 ? 'question_choose' : 'question_reply' })
  return [`❓ ${head}`, ...rows, how].join('\n')
}

/** The first item that has no reply yet. */
export function nextItem({ question, replies }: AskedQuestion): Item | undefined {
  return question.items.find(({ id }) => replies[id] === undefined)
}

/** What a reply means: the labels of the options that it names by number or by label, else its own words. */
export function readReply({ options, isMultiple }: Item, text: string): readonly string[] {
  const words = text.trim().replace(/[。.!！]+$/u, '')
  const parts = isMultiple ? words.split(/[\s,，、;；]+/).filter(part => part !== '') : [words]
  const labels = parts.map(part => labelOf(options, part))
  return labels.every(label => label !== undefined) ? [...new Set(labels)] : [text.trim()]
}

/** A label, else the number of an option: `2`, `（２）`, `2️⃣`, `选2`, `第二个`. */
function labelOf(options: Item['options'], part: string): string | undefined {
  const plain = part.normalize('NFKC').replace(/[\ufe0f\u20e3]/gu, '')
  const named = options.find(({ label }) => label.normalize('NFKC').toLowerCase() === plain.toLowerCase())
  if (named !== undefined) return named.label
  const number = /^\(?(?:我?选择?|option )?第?(\d{1,2}|[一二三四五六七八九])[个项号]?[).、]?$/iu.exec(plain)?.[1]
  return number === undefined ? undefined : options[numberOf(number) - 1]?.label
}

function numberOf(digits: string): number {
  const place = '一二三四五六七八九'.indexOf(digits)
  return place === -1 ? Number(digits) : place + 1
}
