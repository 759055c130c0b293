import { casePatterns, type Vocabulary } from './vocabulary.ts'

/** A completion script for zsh, with a description of every word. It works as a file in `fpath` and when it is sourced. */
export function zshCompletion(vocabulary: Vocabulary): string {
  const { all, files, chosen } = casePatterns(vocabulary)
  return [
    '#compdef wecomd',
    '# zsh completion for wecomd: source it after compinit, or save it as _wecomd in a folder of fpath',
    '_wecomd() {',
    "  local at='' word='' skip='' prev=${words[CURRENT-1]} i",
    '  local -a items',
    '  for ((i = 2; i < CURRENT; i++)); do',
    '    word=${words[i]}',
    "    if [[ -n $skip ]]; then skip=''; continue; fi",
    '    case "$at $word" in',
    `      ${all}) skip=1 ;;`,
    "      *' -'*) ;;",
    '      *) at=${at:+$at }$word ;;',
    '    esac',
    '  done',
    '  if [[ ${words[CURRENT]} == --*=* ]]; then',
    '    prev=${words[CURRENT]%%=*}',
    "    compset -P '*='",
    '  fi',
    '  case "$at $prev" in',
    `    ${files}) _files; return ;;`,
    ...chosen.map(({ pattern, values }) => `    ${pattern}) compadd -- ${values}; return ;;`),
    `    ${all}) return ;;`,
    '  esac',
    '  case "$at" in',
    ...vocabulary.choices.flatMap(({ at, words }) => [
      `    '${at}') items=(`,
      ...words.map(([word, about]) => `      ${quote(`${word}:${about}`)}`),
      '    ) ;;',
    ]),
    '  esac',
    "  _describe -t words 'wecomd' items",
    '}',
    'if [[ ${funcstack[1]} == _wecomd ]]; then _wecomd "$@"; else compdef _wecomd wecomd; fi',
  ].join('\n')
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
