import { Type } from '@sinclair/typebox'
import { placeholdersIn, type TextName, noticeTexts } from '../core/notices/texts.ts'
import { type Marks, section } from './keys.ts'

/** A sentence travels beside an answer, or alone in one message. */
const mostCharacters = 500

/** A key for each sentence that users can see. */
export const noticeTextKeys = (description: string, marks: Marks = {}) =>
  Type.Object(Object.fromEntries(Object.entries(noticeTexts).map(([name, wording]) => [name, sentence(wording)])), {
    ...section,
    default: {},
    description,
    ...marks,
  })

function sentence(wording: (typeof noticeTexts)[TextName]) {
  const known = [...new Set(placeholdersIn(wording['zh-CN']))]
  const parts = ['[^{]', '\\{\\{', ...known.map(name => `\\{${name}\\}`)]
  const placeholders =
    known.length === 0 ? 'no placeholders' : `placeholders ${known.map(name => `{${name}}`).join(', ')}`
  const shown = [wording['zh-CN'], wording.en].map(text => `\`${text.replaceAll('\n', '\\n')}\``)
  return Type.Optional(
    Type.String({
      pattern: `^(?=\\s*\\S)(?:${parts.join('|')}){1,${mostCharacters}}$`,
      expects: `at most ${mostCharacters} characters, ${placeholders}`,
      description: `${shown.join(' / ')}.`,
    }),
  )
}
