const command = /^[/／][a-z][a-z0-9_-]{0,31}(?=\s|$)/i

/** A message that is meant as a command (`definitions.md` 5): `/new`, `／status now`; not `/etc/hosts`. */
export function isCommand(text: string): boolean {
  return command.test(text)
}
