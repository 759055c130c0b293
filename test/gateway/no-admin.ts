import type { AdminAgent } from '../../src/gateway/admin/admin-agent.ts'

const unavailable = () => Promise.reject(new Error('this test has no admin link'))

/** The admin part of an agent for tests without an admin link. */
export const noAdmin: AdminAgent = {
  lacksAdmin: () => true,
  canReset: () => false,
  reset: unavailable,
  knowsAgent: unavailable,
  makeAgent: unavailable,
  approvals: () => [],
  onApproval: () => {},
  approve: unavailable,
}
