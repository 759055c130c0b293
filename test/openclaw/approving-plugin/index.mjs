// A plugin of OpenClaw that asks for approval before each `read`.
const requireApproval = {
  title: 'Read a file',
  description: 'The agent is about to read a file.',
  severity: 'warning',
}

export default {
  id: 'approving',
  name: 'Approving',
  register(api) {
    api.on('before_tool_call', ({ toolName }) => (toolName === 'read' ? { requireApproval } : {}))
  },
}
