import { expect, test } from 'bun:test'
import { type Host, runnerOf } from '../../scripts/release/runner.ts'

function hostWith(...things: readonly string[]): Host {
  return { arch: 'x64', exists: path => things.includes(path), has: program => things.includes(program) }
}

const glibc = '/lib64/ld-linux-x86-64.so.2'
const cross = '/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1'
const musl = '/lib/ld-musl-x86_64.so.1'

test('release: a binary for this machine is started directly', () => {
  expect(runnerOf('linux-x64', undefined, hostWith(glibc))).toEqual({ prefix: [], how: 'directly' })
  expect(runnerOf('linux-x64-baseline', undefined, hostWith(glibc))).toEqual({ prefix: [], how: 'directly' })
})

test('release: a binary for another CPU is started with qemu and its libraries', () => {
  const prefix = ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu']
  const runner = runnerOf('linux-arm64', undefined, hostWith(glibc, cross, 'qemu-aarch64'))
  expect(runner).toEqual({ prefix, how: 'with qemu-aarch64' })
})

test('release: a binary for musl is started directly on a system of musl', () => {
  const alpine = hostWith(musl, '/usr/lib/libstdc++.so.6')
  expect(runnerOf('linux-x64-musl', undefined, alpine)).toEqual({ prefix: [], how: 'directly' })
})

test('release: a binary for musl is started with qemu in a sysroot', () => {
  const loader = '/alpine/lib/ld-musl-aarch64.so.1'
  const host = hostWith(loader, '/alpine/usr/lib/libstdc++.so.6', 'qemu-aarch64')
  const prefix = ['qemu-aarch64', '-L', '/alpine']
  expect(runnerOf('linux-arm64-musl', '/alpine', host)).toEqual({ prefix, how: 'with qemu-aarch64' })
})

const needsAlpine = ': give --sysroot a folder with an Alpine that has libstdc++'

test('release: what keeps a binary from being started is named', () => {
  expect(runnerOf('linux-arm64', undefined, hostWith('qemu-aarch64'))).toEqual({
    missing: `${cross} is missing (Debian: libc6-arm64-cross)`,
  })
  expect(runnerOf('linux-arm64', undefined, hostWith(cross))).toEqual({
    missing: 'qemu-aarch64 is missing (Debian: qemu-user)',
  })
  expect(runnerOf('linux-x64-musl', undefined, hostWith(glibc))).toEqual({
    missing: `${musl} is missing${needsAlpine}`,
  })
  expect(runnerOf('linux-x64-musl', undefined, hostWith(glibc, musl))).toEqual({
    missing: `libstdc++.so.6 for musl is missing${needsAlpine}`,
  })
})
