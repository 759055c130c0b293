import type { CliIo } from './io.ts'
export async function demo(_args: readonly string[], io: CliIo): Promise<number> { io.err('soon'); return 1 }
