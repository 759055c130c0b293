/** U+2060, word joiner. It is invisible, passes the gateway unchanged, and no parser there treats it as white space. */
const joiner = '\u2060'

/** Control characters the gateway removes before it looks for commands. Left in, they could hide a command from us. */
const droppedControls = /(?![\t\n\r\x80-\x9f])\p{Cc}/gu

/** A slash that may start a directive, followed by one whole word: `/think`, but not `/etc/hosts`, `and/or`, `11/23`. */
const directive = /(?<=^|\s|\\n)\/(?=[^\s/:]+(?:$|[\s:]))/g

/** `$name` selects a skill anywhere in a text. Without a lower-case letter it is a price or a shell variable. */
const skill = /\$(?=[-A-Z0-9_:]*[a-z])/g

/** Prefixes the gateway strips before it looks at the first word: `[…]` groups, then `name: ` on each line. */
const brackets = /^\s*(?:\[[^\]\n]*\][ \t]*)*\s*/
const sender = /^[ \t]*[^\n:]{1,120}:\s+/gm

/**
 * Inserts invisible word joiners so that the gateway finds no commands, directives, skills or stop words in `text`. The
 * whole text then reaches the agent and looks the same. A text without any of these is returned unchanged. The full list
 * of words is in docs/protocol-gateway.md.
 */
export function neutralise(text: string): string {
  const marked = text.replace(droppedControls, '').replace(directive, `${joiner}/`).replace(skill, `$$${joiner}`)
  const start = brackets.exec(marked)?.[0].length ?? 0
  const guarded = isCommandAt(marked, start) ? marked.slice(0, start) + joiner + marked.slice(start) : marked
  return isStopMessage(guarded) ? guarded.replace(/(?<=[\p{L}\p{M}])(?=[^\p{L}\p{M}]*$)/u, joiner) : guarded
}

/** Like `neutralise`, but keeps the command at the start of the text. Use it only after access control allowed it. */
export function neutraliseArguments(text: string): string {
  const plain = neutralise(text)
  return plain.startsWith(`${joiner}/`) ? plain.slice(joiner.length) : plain
}

/** `!ls`, `/ word` and `[note]/word` are commands only at the start of a message. */
function isCommandAt(text: string, start: number): boolean {
  return text[start] === '!' || /^\/\s*[^\s/:]+(?:$|[\s:])/.test(text.slice(start, start + 200))
}

function isStopMessage(text: string): boolean {
  const bare = text.replace(brackets, '').replace(sender, '').replaceAll('\\n', ' ')
  return stopWords.has(stopWordsOf(text)) || stopWords.has(stopWordsOf(bare))
}

function stopWordsOf(text: string): string {
  return text
    .normalize('NFC')
    .trim()
    .toLowerCase()
    .replace(/[’`]/g, "'")
    .replace(/\s+/g, ' ')
    .replace(/[.!?！？…,，。;；:：'"’”)\]}]+$/u, '')
    .trim()
}

/** A message that consists of one of these stops the active run and gets no answer. */
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
