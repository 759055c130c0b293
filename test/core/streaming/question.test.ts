import { expect, test } from 'bun:test'
import { readReply } from '../../../src/core/streaming/question.ts'

const item = {
  id: 'q',
  header: '',
  text: 'Which?',
  options: [
    { label: 'Red wine', description: '' },
    { label: '白酒', description: '53°' },
  ],
  isMultiple: false,
}

const single: readonly [said: string, meant: string][] = [
  ['1', 'Red wine'],
  [' (2) ', '白酒'],
  ['2、', '白酒'],
  ['（２）', '白酒'],
  ['2️⃣', '白酒'],
  ['我选2', '白酒'],
  ['第二个', '白酒'],
  ['选择第1项。', 'Red wine'],
  ['option 2', '白酒'],
  ['第三个', '第三个'],
  ['一起', '一起'],
  ['2个小时后', '2个小时后'],
  ['red WINE', 'Red wine'],
  ['白酒！', '白酒'],
  ['3', '3'],
  ['0', '0'],
  ['1 and 2', '1 and 2'],
  ['Neither, thanks.', 'Neither, thanks.'],
]

test.each(single)('questions: %j to one of two options means %j', (said, meant) => {
  expect(readReply(item, said)).toEqual([meant])
})

const several: readonly [said: string, meant: readonly string[]][] = [
  ['1,2', ['Red wine', '白酒']],
  ['2、1', ['白酒', 'Red wine']],
  ['1 1', ['Red wine']],
  ['2', ['白酒']],
  ['1 but not 2', ['1 but not 2']],
]

test.each(several)('questions: %j to any of two options means %j', (said, meant) => {
  expect(readReply({ ...item, isMultiple: true }, said)).toEqual([...meant])
})

test('questions: a label that is a number comes before the number', () => {
  const options = ['2', '３', '1'].map(label => ({ label, description: '' }))
  expect(['1', '2', '3'].flatMap(said => readReply({ ...item, options }, said))).toEqual(['1', '2', '３'])
})

test('questions: without options every word is the answer', () => {
  expect(readReply({ ...item, options: [] }, ' 1。 ')).toEqual(['1。'])
})
