export function neutralise(text: string): string {
  return text
}
