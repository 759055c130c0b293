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

test('questions: without options every word is the answer', () => {
  expect(readReply({ ...item, options: [] }, ' 1。 ')).toEqual(['1。'])
})
