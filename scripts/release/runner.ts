import type { Target } from './targets.ts'

/** The machine that builds a release. */
export interface Host {
  readonly arch: string
  exists(path: string): boolean
  /** Whether a program is on the PATH. */
  has(program: string): boolean
}

/** What goes before the path of a binary to start it here, or why it cannot be started. */
export type Runner = { readonly prefix: readonly string[]; readonly how: string } | { readonly missing: string }

interface Platform {
  readonly cpu: 'x86_64' | 'aarch64'
  readonly isMusl: boolean
}

function platformOf(target: Target): Platform {
  return { cpu: target.includes('arm64') ? 'aarch64' : 'x86_64', isMusl: target.endsWith('-musl') }
}

/**
 * How to start the binary of a target. `sysroot` is a folder with the system that it was built for; without one, a binary
 * for this CPU uses the system itself, and one for another CPU the folder of Debian's cross libraries.
 */
export function runnerOf(target: Target, sysroot: string | undefined, host: Host): Runner {
  const platform = platformOf(target)
  const { cpu, isMusl } = platform
  const isNative = (cpu === 'x86_64' ? 'x64' : 'arm64') === host.arch
  const root = sysroot ?? (isNative || isMusl ? '' : `/usr/${cpu}-linux-gnu`)
  const missing = missingIn(root, platform, host)
  if (missing !== undefined) return { missing: `${missing} is missing${hintOf(platform, isNative)}` }
  if (isNative && root === '') return { prefix: [], how: 'directly' }
  const emulator = `qemu-${cpu}`
  if (!host.has(emulator)) return { missing: `${emulator} is missing (Debian: qemu-user)` }
  return { prefix: [emulator, '-L', root], how: `with ${emulator}` }
}

/** The first file that the dynamic loader would not find. Bun for musl links libstdc++, for glibc it brings its own. */
function missingIn(root: string, { cpu, isMusl }: Platform, { exists }: Host): string | undefined {
  const loader = isMusl
    ? `/lib/ld-musl-${cpu}.so.1`
    : cpu === 'x86_64'
      ? '/lib64/ld-linux-x86-64.so.2'
      : '/lib/ld-linux-aarch64.so.1'
  if (!exists(root + loader)) return root + loader
  const folders = ['/lib', '/usr/lib', `/lib/${cpu}-linux-musl`, `/usr/lib/${cpu}-linux-musl`]
  const isLinked = !isMusl || folders.some(folder => exists(`${root}${folder}/libstdc++.so.6`))
  return isLinked ? undefined : 'libstdc++.so.6 for musl'
}

function hintOf({ cpu, isMusl }: Platform, isNative: boolean): string {
  if (isMusl) return ': give --sysroot a folder with an Alpine that has libstdc++'
  return isNative ? '' : ` (Debian: libc6-${cpu === 'aarch64' ? 'arm64' : 'amd64'}-cross)`
}
