import { expect, test } from 'bun:test'
import { fileNameOf } from '../../src/wecom/media/content-disposition.ts'

/** A header as fetch returns it: one character per byte. */
const wire = (text: string) => Buffer.from(text).toString('latin1')

const headers: readonly [string, string | null, string | undefined][] = [
  ['no header', null, undefined],
  ['no name', 'attachment', undefined],
  ['an empty name', 'attachment; filename=""', undefined],
  ['a quoted name', 'attachment; filename="a b;c.pdf"', 'a b;c.pdf'],
  ['a bare name', 'attachment; filename=a.pdf; size=1', 'a.pdf'],
  ['other spellings', 'Attachment;FileName = "a.pdf"', 'a.pdf'],
  ['a name alone', 'filename="a.pdf"', 'a.pdf'],
  ['an unclosed quote', 'attachment; filename="a b.pdf', 'a b.pdf'],
  ['an escaped quote', String.raw`attachment; filename="a\"b\\c.pdf"`, String.raw`a"b\c.pdf`],
  ['the path of another system', String.raw`attachment; filename="C:\dir\a.pdf"`, String.raw`C:\dir\a.pdf`],
  ['another parameter with the same ending', 'attachment; xfilename="b"; filename="a"', 'a'],
  ['raw UTF-8', wire('attachment; filename="年度报告 (1).pdf"'), '年度报告 (1).pdf'],
  ['bare UTF-8', wire('attachment; filename=年度报告.pdf'), '年度报告.pdf'],
  ['UTF-8 read as Latin-1', wire(`attachment; filename="${wire('年度报告.pdf')}"`), '年度报告.pdf'],
  ['percent encoding', `attachment; filename="${encodeURIComponent('年度 报告.pdf')}"`, '年度 报告.pdf'],
  ['a percent sign', 'attachment; filename="100% sure.txt"', '100% sure.txt'],
  ['Latin-1', 'attachment; filename="r\xe9sum\xe9.pdf"', 'résumé.pdf'],
  ['an extended name', `attachment; filename*=UTF-8''${encodeURIComponent('年 a.pdf')}`, '年 a.pdf'],
  ['both names', `attachment; filename="a.pdf"; filename*=utf-8'zh'%E5%B9%B4.pdf`, '年.pdf'],
  ['an extended name with a percent sign', "attachment; filename*=UTF-8''100%2525.pdf", '100%25.pdf'],
  ['an extended name of raw UTF-8', wire("attachment; filename*=UTF-8''年.pdf"), '年.pdf'],
  ['a broken extended name', `attachment; filename*=UTF-8''%E5%B9; filename="b.pdf"`, 'b.pdf'],
  ['an extended name in GBK', `attachment; filename*=GBK''%C4%EA.pdf; filename="b.pdf"`, '年.pdf'],
  ['an extended name in Big5', "attachment; filename*=big5'zh'%A6%7E.pdf", '年.pdf'],
  ['an extended name in GB18030', "attachment; filename*=GB18030''%B1%A8 %B8%E6.pdf", '报 告.pdf'],
  ['an extended name in an unknown charset', `attachment; filename*=klingon''%C4%EA.pdf; filename="b.pdf"`, 'b.pdf'],
  ['bytes of another charset', `attachment; filename*=gbk''%FF%FF.pdf; filename="b.pdf"`, 'b.pdf'],
  ['an encoded word', 'attachment; filename="=?UTF-8?B?5bm05oqlLnBkZg==?="', '年报.pdf'],
  ['an encoded word in GBK', 'attachment; filename="=?gbk?Q?=C4=EA_1.pdf?="', '年 1.pdf'],
  ['two encoded words', 'attachment; filename="=?utf-8?B?5bm0?= =?utf-8?Q?=E6=8A=A5.pdf?="', '年报.pdf'],
  ['an encoded word followed by an extension', 'attachment; filename="=?utf-8?B?5bm0?=.pdf"', '年.pdf'],
  ['a word that only looks encoded', 'attachment; filename="=?what?B?=.pdf"', '=?what?B?=.pdf'],
]

for (const [what, header, name] of headers) {
  test(`content disposition: ${what} gives ${name ?? 'nothing'}`, () => {
    expect(fileNameOf(header)).toBe(name)
  })
}
