/** U+2060: no width, survives the gateway, and is neither white space nor punctuation to its parsers. */
const joiner = '\u2060'

/** The gateway drops these before it looks for commands, which could join what they part. */
const dropped = /(?![\t\n\r\x80-\x9f])\p{Cc}/gu

/** A slash where a directive may begin, with a whole word behind it: `/think`, not `/etc/hosts`, `and/or`, `11/23`. */
const directive = /(?<=^|\s|\\n)\/(?=[^\s/:]+(?:$|[\s:]))/g

/** `$name` selects a skill anywhere in a text; without a small letter it is a sum of money or a shell variable. */
const skill = /\$(?=[-A-Z0-9_:]*[a-z])/g

/** What the gateway takes away before the first word decides: `[…]` groups, then `name: ` at the start of each line. */
const brackets = /^\s*(?:\[[^\]\n]*\][ \t]*)*\s*/
const sender = /^[ \t]*[^\n:]{1,120}:\s+/gm

/**
 * Makes `text` plain to the gateway's parsers of commands, inline directives, skills and stop words by invisible
 * joiners, so that all of it reaches the agent and reads the same. A text without such things comes back as it is.
 */
export function neutralise(text: string): string {
  const marked = text.replace(dropped, '').replace(directive, `${joiner}/`).replace(skill, `$$${joiner}`)
  const start = brackets.exec(marked)?.[0].length ?? 0
  const headed = isCommandAt(marked, start) ? marked.slice(0, start) + joiner + marked.slice(start) : marked
  return saysStop(headed) ? headed.replace(/(?<=[\p{L}\p{M}])(?=[^\p{L}\p{M}]*$)/u, joiner) : headed
}

/** The same for a text that begins with a command which is meant: that one stays what it is. */
export function neutraliseRest(text: string): string {
  const plain = neutralise(text)
  return plain.startsWith(`${joiner}/`) ? plain.slice(joiner.length) : plain
}

/** `!ls`, `/ word` and `[note]/word` count as the first word of a message only. */
function isCommandAt(text: string, start: number): boolean {
  return text[start] === '!' || /^\/\s*[^\s/:]+(?:$|[\s:])/.test(text.slice(start, start + 200))
}

function saysStop(text: string): boolean {
  const bare = text.replace(brackets, '').replace(sender, '').replaceAll('\\n', ' ')
  return stopWords.has(wordsOf(text)) || stopWords.has(wordsOf(bare))
}

function wordsOf(text: string): string {
  return text
    .normalize('NFC')
    .trim()
    .toLowerCase()
    .replace(/[’`]/g, "'")
    .replace(/\s+/g, ' ')
    .replace(/[.!?！？…,，。;；:：'"’”)\]}]+$/u, '')
    .trim()
}

/** A message of nothing but one of these stops the run that is going on, and is not answered. */
const stopWords: ReadonlySet<string> = new Set(
  `
  stop, stopp, esc, abort, exit, interrupt, halt, pare, arrete, arrête, anhalten, aufhören, hoer auf, detente,
  deten, detén, 停止, 停下来, 暂停, やめて, 止めて, रुको, توقف, стоп, остановись, останови, остановить, прекрати, please stop,
  stop please, do not do that, stop openclaw, openclaw stop, stop action, stop current action, stop run,
  stop current run, stop agent, stop the agent, stop doing anything, stop don't do anything, stop dont do anything,
  stop do not do anything`
    .split(',')
    .map(word => word.trim()),
)
