import { afterEach, expect, test } from 'bun:test'
import { echoAnswer } from '../../src/playground/echo-script.ts'
import { type House, openHouse } from './house.ts'
import { until } from './until.ts'

const card = {
  card_type: 'button_interaction',
  main_title: { title: 'Release?' },
  button_list: [
    { text: 'Yes', key: 'y' },
    { text: 'No', key: 'n' },
  ],
}
const json = JSON.stringify({ template_card: card })
const words = '**Release?**\n- Yes\n- No\n（直接回复你的选择即可）'

let house: House
afterEach(() => house.close())

test('cards: in a bubble no frame shows a card as JSON, the last one shows it in words', async () => {
  house = await openHouse()
  const bubble = await house.tenant.say({ userid: 'zhangsan', text: `前 ${json} 后` }).finished
  expect(bubble.frames.length).toBeGreaterThan(2)
  for (const { content } of bubble.frames) expect(content).not.toMatch(/template_card|card_type|main_title|button_list/)
  expect(bubble.text).toBe(
    echoAnswer(`前 ${json} 后`)
      .replace(json, `\n\n${words}\n\n`)
      .replace(/ \n\n|\n\n /g, '\n\n'),
  )
})

test('cards: ordinary JSON is shown as it is', async () => {
  house = await openHouse()
  const text = JSON.stringify({ name: 'x', template: { card: 1 } })
  expect((await house.tenant.say({ userid: 'zhangsan', text }).finished).text).toBe(echoAnswer(text))
})

test('cards: by direct message a card comes in words too', async () => {
  house = await openHouse({ agent: {} })
  await house.tenant.sayToApp({ userid: 'zhangsan', text: json }).done
  const [dm] = await until('the answer', () => {
    const seen = house.tenant.ledger.seen({ userid: 'zhangsan' })
    return seen.length > 0 && seen
  })
  expect(dm?.text).toContain(words)
  expect(dm?.text).not.toContain('template_card')
})
