import type { AdminAgent } from '../../src/gateway/admin/admin-agent.ts'

const nobody = () => Promise.reject(new Error('this test has no admin link'))

/** The admin part of an agent for tests without an admin link. */
export const noAdmin: AdminAgent = {
  lacksAdmin: () => true,
  canReset: () => false,
  reset: nobody,
  knowsAgent: nobody,
  makeAgent: nobody,
  approvals: () => [],
  onApproval: () => {},
  approve: nobody,
}
