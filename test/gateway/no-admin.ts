import type { AdminAgent } from '../../src/gateway/admin/admin-agent.ts'

const nobody = () => Promise.reject(new Error('there is no admin link here'))

/** Of a daemon in which nothing needs admin scope. */
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
