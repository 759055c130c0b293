type Child = Node | string

/** Creates an element. Strings are added as text, never parsed as HTML. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/** The element of index.html with this id. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (!element) throw new Error(`the page has no element #${id}`)
  return element
}

/** Creates a Chinese label with its English translation in small print. */
export function label(chinese: string, english: string): DocumentFragment {
  const fragment = document.createDocumentFragment()
  fragment.append(chinese, make('small', {}, english))
  return fragment
}

export function timeOf(at: number): string {
  return new Date(at).toLocaleTimeString('zh-CN', { hour12: false })
}
