import { casePatterns, type Vocabulary } from './vocabulary.ts'

/**
 * A completion script for bash. It walks the words before the cursor to find the command, skipping the values of flags.
 * bash splits `--lang=en` at the `=`, so that sign is a word of its own here.
 */
export function bashCompletion(vocabulary: Vocabulary): string {
  const { all, files, chosen } = casePatterns(vocabulary)
  return [
    '# bash completion for wecomd: source it, or save it as /etc/bash_completion.d/wecomd',
    '_wecomd() {',
    '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at= words= word skip= i',
    '  COMPREPLY=()',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    word=${COMP_WORDS[i]}',
    '    if [[ $word == = ]]; then skip=1; continue; fi',
    '    if [[ -n $skip ]]; then skip=; continue; fi',
    '    case "$at $word" in',
    `      ${all}) skip=1 ;;`,
    "      *' -'*) ;;",
    '      *) at=${at:+$at }$word ;;',
    '    esac',
    '  done',
    '  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi',
    '  case "$at $prev" in',
    `    ${files})`,
    '      compopt -o filenames 2>/dev/null',
    '      mapfile -t COMPREPLY < <(compgen -f -- "$cur")',
    '      return ;;',
    ...chosen.map(({ pattern, values }) => `    ${pattern}) words='${values}' ;;`),
    `    ${all}) return ;;`,
    '    *)',
    '      case "$at" in',
    ...vocabulary.choices.map(
      ({ at, words }) => `        '${at}') words='${words.map(([word]) => word).join(' ')}' ;;`,
    ),
    '      esac ;;',
    '  esac',
    '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")',
    '}',
    'complete -F _wecomd wecomd',
  ].join('\n')
}
