import { Type } from '@sinclair/typebox'
import { placeholdersIn, type TextName, noticeTexts } from '../core/notices/texts.ts'
import { type KeyOptions, section } from './keys.ts'

/** A notice is appended to an answer or sent as one message, so it must stay short. */
const maxCharacters = 500

/** A section with an optional key for each notice that users can see. */
export const noticeTextKeys = (description: string, options: KeyOptions = {}) =>
  Type.Object(Object.fromEntries(Object.entries(noticeTexts).map(([name, texts]) => [name, noticeTextKey(texts)])), {
    ...section,
    default: {},
    layout: 'list',
    description,
    ...options,
  })

function noticeTextKey(texts: (typeof noticeTexts)[TextName]) {
  const known = [...new Set(placeholdersIn(texts['zh-CN']))]
  const parts = ['[^{]', '\\{\\{', ...known.map(name => `\\{${name}\\}`)]
  const placeholders =
    known.length === 0 ? 'no placeholders' : `placeholders ${known.map(name => `{${name}}`).join(', ')}`
  const shown = [texts['zh-CN'], texts.en].map(text => `\`${text.replaceAll('\n', '\\n')}\``)
  return Type.Optional(
    Type.String({
      pattern: `^(?=\\s*\\S)(?:${parts.join('|')}){1,${maxCharacters}}$`,
      expects: `at most ${maxCharacters} characters, ${placeholders}`,
      ...(known.length > 0 && { placeholders: known }),
      description: `${shown.join(' / ')}.`,
    }),
  )
}
