import { expect } from 'bun:test'
import { type Config, type LoadedConfig, parseConfig } from '../../src/config/config.ts'

export const aesKey = 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C'
export const bot = { token: 'tokentoken', encodingAESKey: aesKey }
export const app = { corpId: 'ww1', corpSecret: 's', agentId: 1000002 }

export function read(
  value: unknown,
  more: {
    env?: Record<string, string>
    files?: Record<string, string>
    folders?: readonly string[]
    names?: readonly string[]
  } = {},
): LoadedConfig {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return parseConfig(text, {
    file: '/etc/wecomd/wecomd.json5',
    env: more.env ?? {},
    readFile(path) {
      const content = more.files?.[path]
      if (content === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' })
      return content
    },
    isFolder: path => more.folders?.includes(path) ?? true,
    listFolder(folder) {
      if (more.names === undefined) throw Object.assign(new Error(`no ${folder}`), { code: 'ENOENT' })
      return more.names
    },
  })
}

export function config(value: unknown, more: Parameters<typeof read>[1] = {}): Config {
  const loaded = read(value, more)
  expect(loaded.issues.filter(issue => issue.severity === 'error')).toEqual([])
  if (!loaded.config) throw new Error('no config')
  return loaded.config
}

/** `path: message` of each error. */
export function errors(value: unknown, more: Parameters<typeof read>[1] = {}): readonly string[] {
  const { config, settings, issues } = read(value, more)
  const found = issues.filter(issue => issue.severity === 'error')
  expect([config, settings]).toEqual([undefined, undefined])
  return found.map(({ path, message }) => `${path}: ${message}`)
}

export function warnings(value: unknown, more: Parameters<typeof read>[1] = {}): readonly string[] {
  return read(value, more)
    .issues.filter(issue => issue.severity === 'warning')
    .map(({ path, message }) => `${path}: ${message}`)
}

export const wecom = (channel: object, rest: object = {}) => ({ channels: { wecom: channel }, ...rest })
